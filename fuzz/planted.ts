import { build } from "esbuild";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Planted as Fault, planting } from "../simulator/planted.ts";
import { type Finding, watch } from "./watch.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

export interface Planted extends Fault {
  /** The fuzzer that has to find it, and as what: one of these. */
  readonly target: string;
  readonly as: readonly Finding["kind"][];
}

/** Each fuzzer has to find each of its own in a short run. */
export const PLANTED: readonly Planted[] = [
  {
    target: "wire",
    as: ["broken"],
    name: "a schema that throws ends the agent",
    file: "wire/decode.ts",
    snippet:
      'return no("InvalidSpec", error instanceof InvalidSpec ? error.message : `${kind}@${version}: ${String(error)}`);',
    instead: "throw error;",
  },
  {
    target: "wire",
    as: ["broken"],
    name: "a refusal repeats all that was sent",
    file: "wire/decode.ts",
    snippet:
      "Buffer.from(message.length > MESSAGE_LIMIT ? `${message.slice(0, MESSAGE_LIMIT)}...` : message).toString();",
    instead: "Buffer.from(message).toString();",
  },
  {
    target: "wire",
    as: ["broken"],
    name: "any signature by a known key will do",
    file: "wire/signature.ts",
    snippet: "fits: verifyBytes(null, bytes, each.publicKey, signature)",
    instead: "fits: signature.length > 0 || verifyBytes(null, bytes, each.publicKey, signature)",
  },
  {
    target: "wire",
    as: ["memory"],
    name: "what was decoded is kept for ever",
    file: "wire/decode.ts",
    snippet: "const parsed = parseBounded(bytes, PAYLOAD_LIMITS);",
    instead:
      "((globalThis as any).kept ??= []).push(new Uint8Array(256 * 1024).fill(1)); const parsed = parseBounded(bytes, PAYLOAD_LIMITS);",
  },
  {
    target: "policy",
    as: ["broken"],
    name: "a path is allowed by its first letters",
    file: "wire/policy-rules.ts",
    snippet: 'path === prefix || path.startsWith(prefix.endsWith("/") ? prefix : `${prefix}/`);',
    instead: "path.startsWith(prefix);",
  },
  {
    target: "policy",
    as: ["broken"],
    name: "one policy of several is enough",
    file: "wire/policy-rules.ts",
    snippet: "  ...policies.flatMap((policy) => [",
    instead: "  ...policies.slice(-1).flatMap((policy) => [",
  },
  {
    target: "dbus",
    as: ["crash"],
    name: "a bus that refuses its greeting ends the agent",
    file: "agent/adapters/system-bus.ts",
    snippet: '    client.connection.on("handlerError", lost);\n',
    // As the library itself does it.
    instead: `    void client.connection.stream;
    client.invokeDbus({ member: "Hello" }, (error: Error | null) => {
      if (error !== null && Reflect.get(error, "code") !== "ECONNCLOSED") throw error;
    });
`,
  },
  {
    target: "dbus",
    as: ["crash"],
    name: "a bus that takes nobody ends the agent",
    file: "agent/adapters/system-bus.ts",
    snippet: '    client.connection.on("error", lost);\n',
    instead: "",
  },
  {
    target: "dbus",
    as: ["hang"],
    name: "a lost bus keeps jobs waiting",
    file: "agent/adapters/systemd-jobs.ts",
    snippet: 'signal.addEventListener("abort", late, { once: true });\n      if (signal.aborted) late();',
    instead: "",
  },
  {
    target: "dbus",
    // Whichever comes first on this machine.
    as: ["hang", "memory"],
    name: "an array of nothing is read for ever",
    file: "agent/adapters/system-bus.ts",
    snippet: "refuseEmptyStructs();\n",
    instead: "void refuseEmptyStructs;\n",
  },
  {
    target: "podman",
    as: ["hang"],
    name: "another protocol keeps a call waiting",
    file: "agent/adapters/libpod.ts",
    snippet: 'request.on("close", () => reject(new Error("it hung up without an answer")));',
    instead: "",
  },
  {
    target: "podman",
    as: ["broken"],
    name: "what podman says is taken as text",
    file: "agent/adapters/libpod.ts",
    snippet: "safeParse(Said, body).data?.message ??",
    instead: "(body as any)?.message?.trim() ??",
  },
  {
    target: "status",
    as: ["broken"],
    name: "control characters reach a terminal as JSON",
    file: "cli/session.ts",
    snippet: "io.out(`${escaped(jsonLines ? JSON.stringify(document) : JSON.stringify(document, null, 2))}\\n`);",
    instead: "io.out(`${jsonLines ? JSON.stringify(document) : JSON.stringify(document, null, 2)}\\n`);",
  },
  {
    target: "status",
    as: ["broken"],
    name: "control characters reach a terminal in a table",
    file: "cli/table.ts",
    snippet: 'printable(typeof cell === "object" ? cell.text : (cell ?? ""));',
    instead: '(printable, typeof cell === "object" ? cell.text : (cell ?? ""));',
  },
  {
    target: "text",
    as: ["broken"],
    name: "what ip prints wrong is a bug of the adapter",
    file: "agent/adapters/kernel-interface.ts",
    snippet: "  try {\n    return readPrinted(name, links, routes);\n  } catch (error) {\n",
    instead:
      "  try {\n    return readPrinted(name, links, routes);\n  } catch (error) {\n    if (error !== null) throw error;\n",
  },
];

/** What a fuzzer finds with the fault planted; the sources stay as they are. */
export async function withPlanted(
  planted: Planted,
  options: { readonly seed: number; readonly seconds: number; readonly hangMs: number },
): Promise<Finding | null> {
  // Within the folder of the project, where its packages are found.
  mkdirSync(join(ROOT, "fuzz-findings"), { recursive: true });
  const folder = mkdtempSync(join(ROOT, "fuzz-findings/planted-"));
  const program = join(folder, "child.mjs");
  try {
    await build({
      absWorkingDir: ROOT,
      entryPoints: ["fuzz/child.ts"],
      bundle: true,
      packages: "external",
      platform: "node",
      target: "node20",
      format: "esm",
      outfile: program,
      logLevel: "silent",
      plugins: [planting(planted)],
    });
    const { seed, seconds, hangMs } = options;
    const order = { target: planted.target, seed, ms: seconds * 1000, replay: null };
    return (await watch({ ...order, hangMs, program, sources: program })).finding;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
