import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { onTestFinished } from "vitest";
import { main } from "../../src/cli/main.ts";

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export interface HowToRun {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Whether both outputs are a terminal. */
  readonly terminal?: boolean;
  /** What somebody at the terminal answers; null: nobody sits there. */
  readonly answer?: string | (() => Promise<string>) | null;
  /** All that comes from standard input. */
  readonly input?: string;
  readonly signal?: AbortSignal;
  /** Waited for where a slow reader of the output is. */
  readonly outTaken?: () => Promise<void>;
  /** Sees each piece of output as it comes. */
  readonly onOutput?: (text: string) => void;
}

/** Settings of the user who runs the tests are none of theirs. */
const settings = mkdtempSync(join(tmpdir(), "harmony-test-settings-"));
process.once("exit", () => rmSync(settings, { recursive: true, force: true }));

/** Runs a command in this process, as the launcher does, with outputs of its own. */
export async function harmony(argv: readonly string[], how: HowToRun = {}): Promise<Ran> {
  const { cwd = tmpdir(), terminal = false, answer = null, signal = new AbortController().signal } = how;
  const env = { XDG_CONFIG_HOME: settings, ...how.env };
  let out = "";
  let err = "";
  const code = await main(argv, {
    out: (text) => {
      out += text;
      how.onOutput?.(text);
    },
    err: (text) => {
      err += text;
      how.onOutput?.(text);
    },
    ...(how.outTaken === undefined ? {} : { outTaken: how.outTaken }),
    outIsTerminal: terminal,
    errIsTerminal: terminal,
    input: async () => Buffer.from(how.input ?? ""),
    ask: answer === null ? null : async () => (typeof answer === "string" ? answer : answer()),
    env,
    cwd,
    signal,
  });
  return { code, out, err };
}

/** A folder of its own for the test, with these files in it. */
export function folder(files: Readonly<Record<string, string>> = {}): string {
  const path = mkdtempSync(join(tmpdir(), "harmony-test-cli-"));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(path, name)), { recursive: true });
    writeFileSync(join(path, name), text);
  }
  return path;
}

/** A manifest of files, as source: id to path and content. */
export const manifestOf = (
  files: Readonly<Record<string, readonly [path: string, content: string]>>,
  order = "{}",
): string =>
  [
    'import { FileScore, manifest, PiTopology } from "harmony-edge";',
    "export default manifest(PiTopology, {",
    ...Object.entries(files).map(
      ([id, [path, content]]) =>
        `  ${JSON.stringify(id)}: new FileScore({ path: ${JSON.stringify(path)}, content: ${JSON.stringify(content)}, parents: true }),`,
    ),
    `}, ${order});`,
    "",
  ].join("\n");

/** Needs what a Pi lacks; the compiler is got around, as JavaScript would. */
export const CLUSTER = [
  'import { FileScore, K8sDeploymentScore, manifest, PiTopology } from "harmony-edge";',
  "export default manifest(PiTopology, {",
  '  motd: new FileScore({ path: "/etc/motd", content: "x" }),',
  '  web: new K8sDeploymentScore({ name: "web", image: "nginx:1" }),',
  "});",
  "",
].join("\n");

export const SENTENCE = "K8sDeploymentScore requires K8sClient, which PiTopology lacks";
