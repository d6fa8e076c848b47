import { build, type Plugin } from "esbuild";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import * as z from "zod";
import type { Run, RunOptions } from "./run.ts";

const root = fileURLToPath(new URL("..", import.meta.url));

/** A fault of the engine's own, planted into a copy of one source file. */
export interface Planted {
  readonly name: string;
  /** In src. */
  readonly file: string;
  /** Stands in the file exactly once; else the fault cannot be planted any more, and whoever changed the file finds it another place. */
  readonly snippet: string;
  readonly instead: string;
  /** A seed that found it when it was last asked, for a rare one: where to begin. Any other may find it too. */
  readonly near?: number;
}

/** The simulator has to find each of these. */
export const PLANTED: readonly Planted[] = [
  {
    name: "a fenced agent goes on",
    file: "agent/agent.ts",
    snippet: "    this.#reconciler.pause();\n    this.#end();\n  }\n",
    instead: "  }\n",
  },
  {
    name: "the other agent's heartbeat is not heeded",
    file: "agent/presence.ts",
    snippet: "if (!holds(read.document, { epoch: this.#epoch, bootId })) return true;",
    instead: "if (Math.random() < 2) return true;",
  },
  {
    name: "each start takes the epoch of the one before",
    near: 1541,
    file: "agent/presence.ts",
    snippet: "const epoch = 1 + Math.max(",
    instead: "const epoch = Math.max(1, ",
  },
  {
    name: "of two agents with one epoch both write the status",
    file: "agent/presence.ts",
    snippet: "other.epoch > own.epoch || (other.epoch === own.epoch && other.bootId > own.bootId);",
    instead: "other.epoch > own.epoch;",
  },
  {
    name: "a fenced agent publishes its capabilities",
    near: 7103,
    file: "agent/presence.ts",
    snippet:
      ' || found._tag === "Unreachable" || this.#stopped) return;\n    const written = await store.put("capabilities"',
    instead: ' || found._tag === "Unreachable") return;\n    const written = await store.put("capabilities"',
  },
  {
    name: "the status is written without compare-and-set",
    file: "agent/reporter.ts",
    snippet: "{ expect: this.#revision ?? 0 }",
    instead: "{}",
  },
  {
    name: "the status is dropped on conflict",
    near: 239,
    file: "agent/reporter.ts",
    snippet: '    this.#isFencedBy(found);\n    return "again";',
    instead: '    this.#isFencedBy(found);\n    return "stored";',
  },
  {
    name: "generations are compared with !=",
    file: "wire/decode.ts",
    snippet: "if (inForce !== null && generation < inForce.generation) {",
    instead: "if (inForce !== null && generation === -1) {",
  },
  {
    name: "a deleted key means that nothing is wanted",
    file: "agent/desired-state.ts",
    snippet: '      onReading({ _tag: "Deleted" }, found.revision);\n',
    instead: `      const { onManifest, inForce } = this.#parts;
      const { generation = 0, payload = "" } = inForce() ?? {};
      const nothing = { signedBy: [], scores: new Map(), rollbackOnFailure: null, retryFailed: false };
      onManifest({ generation, issuedAt: "", ...nothing }, { generation, payload, revision: found.revision });
`,
  },
  {
    name: "the ledger is not gone on from at the start",
    file: "agent/agent.ts",
    snippet: "    const { accepted } = this.#parts.ledger;\n    if (accepted === null) return;\n    const manifest",
    instead:
      "    const { accepted } = this.#parts.ledger;\n    if (accepted !== undefined) return;\n    const manifest",
  },
  {
    name: "what is owned is forgotten on a restart",
    file: "agent/ledger.ts",
    snippet: 'if ("own" in line) this.#owned.set(line.own.identity, line.own);',
    instead: 'if ("own" in line) this.#owned.clear();',
  },
  {
    name: "lines that could not be saved are lost",
    file: "agent/ledger.ts",
    snippet: "      this.#unsaved = lines;\n      throw error;",
    instead: "      throw error;",
  },
  {
    name: "claims are not on disk before the first step",
    file: "agent/interpreting.ts",
    snippet: "if (isNews || this.#notices.length > 0 || !this.#ledger.isSaved(identity)) await this.#ledger.flush();",
    instead: "",
  },
  {
    name: "superseded work goes on",
    file: "scores/interpret.ts",
    snippet: 'if (around.superseded()) return fail({ _tag: "Interrupted", remaining }',
    instead: 'if (did.length > 99) return fail({ _tag: "Interrupted", remaining }',
  },
  {
    name: "what failed is not tried again",
    file: "agent/interpreting.ts",
    snippet: "resource.cancelRetry = clock.after(delay, () => this.#around.onDue(resource, change));",
    instead: "resource.cancelRetry = () => {};",
  },
  {
    name: "hints of drift are lost",
    file: "agent/interpreting.ts",
    snippet: "    if (resource.due !== null || resource.cancelHint !== null) return;",
    instead: "    if (resource.id !== null) return;",
  },
  {
    name: "what waited is not woken",
    file: "agent/reconciler.ts",
    snippet: 'if (resource.status.state === "Blocked" && isWaiting(resource)) resource.due',
    instead: 'if (resource.status.state === "Refused" && isWaiting(resource)) resource.due',
  },
  {
    name: "the order is not kept",
    file: "agent/reconciler.ts",
    snippet: "const waitsFor = decoded.after.filter((on) => !isUpNow(this.#resources.get(on)));",
    instead: "const waitsFor = decoded.after.filter((on) => !this.#resources.has(on));",
  },
  {
    name: "two passes at the same time",
    near: 717,
    file: "agent/reconcile-loop.ts",
    snippet: "if (this.#isBeginning || this.#working !== null || this.#isPaused) return;",
    instead: "if (this.#isPaused) return;",
  },
  {
    name: "a generation counts as observed when it is accepted",
    file: "agent/reconciler.ts",
    snippet: "    this.#generation = manifest.generation;\n",
    instead: "    this.#generation = manifest.generation;\n    this.#observedGeneration = manifest.generation;\n",
  },
  {
    name: "what was made first is removed first",
    file: "agent/retirements.ts",
    snippet: "[...ledger.owned.values()].toReversed()",
    instead: "[...ledger.owned.values()]",
  },
  {
    name: "what could not be removed is not tried again",
    near: 1116,
    file: "agent/retirements.ts",
    snippet: '      retirement.stage = "due";\n      this.#around.onDue();',
    instead: "      this.#around.onDue();",
  },
  {
    name: "what is only observed is written",
    file: "agent/permits.ts",
    snippet: 'if (isKnownBad || policies.ownership === "observe") return "tell";',
    instead: 'if (isKnownBad) return "tell";',
  },
  {
    name: "what is known to be bad is tried again",
    file: "agent/permits.ts",
    snippet: "if (isKnownBad || policies",
    instead: "if (policies",
  },
  {
    name: "what is made once is changed",
    file: "agent/permits.ts",
    snippet: 'if (policies.ownership === "createOnly" && exists) {',
    instead: 'if (policies.ownership === "createOnly" && !exists) {',
  },
  {
    name: "what is somebody else's is taken over",
    file: "agent/permits.ts",
    snippet: 'if (policies.ownership === "own" && exists && owned === undefined) return notItsOwn(of);',
    instead: "",
  },
  {
    name: "drift that is to be told is repaired",
    file: "agent/permits.ts",
    snippet: 'owned?.reached === digest && !notified ? "tell" : "take"',
    instead: 'owned?.reached === digest && notified ? "tell" : "take"',
  },
  {
    name: "what is orphaned is removed",
    file: "agent/permits.ts",
    snippet: 'removal === "orphan" || ownership === "observe"',
    instead: 'removal !== removal || ownership === "observe"',
  },
  {
    name: "work goes on by the older policies",
    near: 681,
    file: "agent/interpreting.ts",
    snippet: "return now !== this.#decoded && policyText(now) !== policyText(this.#decoded);",
    instead: "return now !== now;",
  },
  {
    name: "who is to be restarted is not on disk before the change",
    near: 142,
    file: "agent/notices.ts",
    snippet: "this.#ledger.notify({ to, by, change:",
    instead: "if (to === by) this.#ledger.notify({ to, by, change:",
  },
  {
    name: "what a failed write of the record has left stays there",
    file: "agent/event-log.ts",
    snippet: "if (this.#isTorn) await disk.replace(",
    instead: "if (this.#bytes < 0) await disk.replace(",
  },
  {
    name: "an event that could not be told is left out",
    file: "agent/event-courier.ts",
    snippet: 'if (told._tag === "Unreachable") return this.#failed(told);',
    instead: 'if (told._tag === "Unreachable") return (this.#sequence = head.sequence, this.#failed(told));',
  },
  {
    name: "an event that could not be put on record is not tried again",
    near: 524,
    file: "agent/trail.ts",
    snippet: "      this.#again(RETRY_MS);\n",
    instead: "",
  },
];

const Simulator = z.object({
  run: z.custom<(options: RunOptions) => Promise<Run>>((value) => typeof value === "function"),
});

/** The simulator with this fault planted; the sources stay as they are. */
export async function withPlanted(
  planted: Planted,
  entry = "simulator/run.ts",
): Promise<(options: RunOptions) => Promise<Run>> {
  const code = await bundled(entry, planted);
  const loaded: unknown = await import(`data:text/javascript;base64,${Buffer.from(code).toString("base64")}`);
  return Simulator.parse(loaded).run;
}

/** One file that holds all. */
export async function bundled(entry: string, planted: Planted): Promise<string> {
  const { outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: [entry],
    bundle: true,
    platform: "node",
    target: "node20",
    format: "esm",
    write: false,
    logLevel: "silent",
    plugins: [planting(planted)],
  });
  return outputFiles[0]?.text ?? "";
}

export const planting = ({ name, file, snippet, instead }: Planted): Plugin => ({
  name: "planting",
  setup(bundling) {
    bundling.onLoad({ filter: new RegExp(`/src/${file.replaceAll(".", "\\.")}$`) }, async ({ path }) => {
      const text = await readFile(path, "utf8");
      const times = text.split(snippet).length - 1;
      if (times !== 1) throw new Error(`"${name}" cannot be planted: its snippet is ${times} times in src/${file}`);
      return { contents: text.replace(snippet, () => instead), loader: "ts" };
    });
  },
});
