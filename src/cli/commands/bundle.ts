import { mkdir, open, rename, rm } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { gzipSync } from "node:zlib";
import * as z from "zod";
import { type LinkedAgent, linkAgent } from "../bundle/link-agent.ts";
import { ownModules } from "../bundle/own-modules.ts";
import { kindsKnownTo } from "../bundle/try-agent.ts";
import { type AddCommand, examples } from "../command.ts";
import { EXIT, type ExitCode } from "../exit-code.ts";
import { type ListedKind, loadKinds, nameOf } from "../kinds-file.ts";
import { packageRoot } from "../package-root.ts";
import { displayPath, problemLine } from "../problem.ts";
import { printJson, type Session } from "../session.ts";
import { table } from "../table.ts";
import { typeCheck } from "../type-check.ts";

const Options = z.object({ kinds: z.string(), output: z.string(), check: z.boolean() });

export const addBundle: AddCommand = (program, run) => {
  program
    .command("bundle")
    .summary("builds an agent that knows your own kinds, and links no more than it needs")
    .description(
      "Builds an agent that knows the kinds in the list that FILE exports, such as `export default [FileScore, MotdScore] as const`, " +
        "and no others; it is linked with the adapters of the capabilities that they require, and with no others. OUT is one file for " +
        "Node 20.19 and newer, started as `node OUT run --id ID`. It is started once here, and has to know these kinds.",
    )
    .requiredOption("--kinds <FILE>", "TypeScript or JavaScript whose default export is a list of kinds")
    .option("-o, --output <FILE>", "where the agent goes", "agent.cjs")
    .option("--no-check", "do not type-check FILE first")
    .addHelpText(
      "after",
      examples(
        "harmony bundle --kinds ./kinds.ts -o agent.cjs",
        "harmony bundle --kinds ./kinds.ts --json | jq .kinds",
        "node agent.cjs run --id pi-1 --root ./pi",
      ),
    )
    .action(
      run(async (session, _, options) => {
        const { kinds, output, check } = Options.parse(options);
        const started = performance.now();
        const made = await bundle(session, { file: kinds, output, check });
        if (typeof made === "number") return made;
        report(session, made, performance.now() - started);
        return EXIT.done;
      }),
    );
};

interface Made {
  readonly out: string;
  readonly kinds: readonly ListedKind[];
  readonly agent: Extract<LinkedAgent, { readonly _tag: "Linked" }>;
}

/** Builds it and looks whether it works; a number: why not has been told. */
export async function bundle(
  session: Session,
  { file, output, check }: { readonly file: string; readonly output: string; readonly check: boolean },
): Promise<Made | ExitCode> {
  const { io, say, complain } = session;
  const path = resolve(io.cwd, file);
  const loaded = await loadKinds(file, { cwd: io.cwd, print: io.err });
  if (loaded._tag === "CannotLoad") {
    for (const problem of loaded.problems) complain(problemLine(problem, io.cwd));
    return EXIT.usage;
  }
  if (check) {
    say(`checking the types of ${displayPath(path, io.cwd)} ...`);
    const types = await typeCheck(path, io.signal);
    if (types._tag === "NoCompiler") say("note: no TypeScript compiler was found here, so types were not checked");
    const problems = types._tag === "Checked" ? types.problems : [];
    for (const problem of problems) complain(problemLine(problem, io.cwd));
    if (io.signal.aborted || problems.length > 0) return EXIT.finding;
  }
  const { kinds } = loaded;
  const agent = await linkAgent({ file: path, kinds, own: ownModules(packageRoot()) });
  if (agent._tag === "Broken") {
    for (const problem of agent.problems) complain(problemLine(problem, io.cwd));
    return EXIT.finding;
  }
  for (const name of agent.unoffered) {
    const asked = kinds.filter(({ kind }) => kind.requires.some((each) => each.name === name));
    say(`note: no agent can offer ${name} yet, which ${asked.map(({ kind }) => nameOf(kind)).join(", ")} requires`);
  }
  const out = resolve(io.cwd, output);
  const wrong = await placeAgent(out, agent.code, kinds, io.signal);
  if (wrong === null) return { out, kinds, agent };
  complain(`${displayPath(out, io.cwd)} was not written: ${wrong}`);
  return EXIT.finding;
}

/** Puts the agent in its place once it was seen to work; a sentence where it was not, and what was there is there still. */
async function placeAgent(
  out: string,
  code: Uint8Array,
  kinds: readonly ListedKind[],
  signal: AbortSignal,
): Promise<string | null> {
  // Beside its place, and with the ending by which Node knows what it is.
  const tried = `${out.replace(/\.cjs$/, "")}.new-${process.pid}.cjs`;
  try {
    await mkdir(dirname(out), { recursive: true });
    const file = await open(tried, "wx", 0o644);
    try {
      await file.writeFile(code);
      await file.sync();
    } finally {
      await file.close();
    }
    const known = await kindsKnownTo(tried, signal);
    if (signal.aborted) return "it was called off";
    if ("problem" in known) return known.problem;
    const [wanted, found] = [kinds.map(({ kind }) => nameOf(kind)), known.map(nameOf)];
    if (wanted.join() !== found.join()) return `it knows ${found.join(", ")}, and not ${wanted.join(", ")}`;
    await rename(tried, out);
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    await rm(tried, { force: true });
  }
}

function report(session: Session, { out, kinds, agent }: Made, ms: number): void {
  const { io, json, say, paintOut } = session;
  const { own, shared, core } = agent.shares;
  const bytes = agent.code.length;
  const gzipped = gzipSync(agent.code, { level: 9 }).length;
  const seconds = Number((ms / 1000).toFixed(1));
  if (json) {
    printJson(session, {
      file: out,
      bytes,
      gzippedBytes: gzipped,
      kinds: kinds.map(({ kind, file }) => ({
        kind: kind.kind,
        version: kind.version,
        requires: kind.requires.map(({ name }) => name),
        bytes: own.get(nameOf(kind)) ?? 0,
        file,
      })),
      capabilities: agent.capabilities.map((name) => ({ name, bytes: own.get(name) ?? 0 })),
      sharedBytes: shared,
      coreBytes: core,
      seconds,
    });
    return;
  }
  const row = (name: string, size: number, what: string): readonly string[] => [name, String(size), what];
  io.out(
    table(
      ["PART", "BYTES", "IS"],
      [
        ...kinds.map(({ kind, file }) =>
          row(
            nameOf(kind),
            own.get(nameOf(kind)) ?? 0,
            file === null ? "a kind of Harmony's own" : displayPath(file, io.cwd),
          ),
        ),
        ...agent.capabilities.map((name) => row(name, own.get(name) ?? 0, "how it is offered")),
        row("shared", shared, "what several of these need"),
        row("core", core, "what every agent has"),
        row("all", bytes, `${gzipped} gzipped`),
      ],
      paintOut.dim,
    ),
  );
  say(`${displayPath(out, io.cwd)} was written in ${seconds} s, was started once, and knows these kinds.`);
  say(`  Run it on a device: node ${displayPath(out, io.cwd)} run --id ID`);
}
