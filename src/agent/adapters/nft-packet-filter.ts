import type { InboundRules, InboundState, PacketFilter } from "../../capabilities/packet-filter.ts";
import { PortError } from "../../capabilities/port-error.ts";
import { type CommandResult, runCommand } from "./command.ts";
import { chainsIn } from "./nft-listing.ts";
import { NftMonitor } from "./nft-monitor.ts";
import { canonicalText, type Chains, chainsOf, frameOf, partOf, partsIn, TABLE } from "./nft-rules.ts";
import type { Detection, Offering } from "./offering.ts";

/** One listing takes some ten milliseconds on a PC, and some times as much on a Pi. */
const TIMEOUT_MS = 15_000;

/**
 * The kernel's packet filter, by the program `nft`. All that it does is in one table of its own; each change is one
 * transaction of the kernel.
 */
export class NftPacketFilter implements PacketFilter, Offering<PacketFilter> {
  readonly port = this;
  readonly #monitor = new NftMonitor();
  /** A change is made of a look and a transaction, which nothing else of this agent may come between. */
  #last: Promise<unknown> = Promise.resolve();

  async detect(signal: AbortSignal): Promise<Detection> {
    const version = await nft(["--version"], signal);
    if (version._tag === "NotFound") return { _tag: "Absent", reason: "nftables (nft) not found" };
    const tables = await nft(["-j", "list", "tables"], signal);
    if (version._tag === "Ended" && tables._tag === "Ended" && tables.code === 0) {
      return { _tag: "Found", facts: { version: /v(\d[\w.]*)/.exec(version.stdout)?.[1] ?? "unknown" } };
    }
    if (isNotPermitted(tables)) return { _tag: "Absent", reason: "nftables (nft) not permitted" };
    return { _tag: "Absent", reason: "nftables (nft) does not work" };
  }

  async inspect(name: string, rules: InboundRules, signal: AbortSignal): Promise<InboundState> {
    const there = await listed(signal);
    if (there === null) return "absent";
    const parts = partsIn(there);
    // A frame that holds nothing is a trace that somebody's deletion left.
    if (!parts.includes(name)) return parts.length === 0 ? "altered" : "absent";
    const wanted = [...frameOf(parts), ...partOf(name, rules)];
    const isSo = wanted.every(([chain, content]) => {
      const present = there.get(chain);
      return present !== undefined && canonicalText(present) === canonicalText(content);
    });
    return isSo && isSound(there, name) ? "in-force" : "altered";
  }

  watch(changed: () => void): () => void {
    return this.#monitor.watch(changed);
  }

  async replace(name: string, rules: InboundRules, signal: AbortSignal): Promise<void> {
    return this.#alone(async () => {
      const there = await listed(signal);
      // With a chain of another sort in the way nothing can be mended in place. The other parts are then seen to be absent.
      const isMendable = there === null || isSound(there, name);
      const parts = isMendable && there !== null ? partsIn(there) : [];
      const chains = new Map([...partOf(name, rules), ...frameOf([...new Set([...parts, name])].toSorted())]);
      await transact(
        [add("table", TABLE), ...(isMendable ? [] : renewed), ...filled(chains)],
        `Putting ${name} in force`,
        signal,
      );
    });
  }

  async remove(name: string, signal: AbortSignal): Promise<void> {
    return this.#alone(async () => {
      const there = await listed(signal);
      if (there === null) return;
      const parts = partsIn(there).filter((part) => part !== name);
      const own = chainsOf(name).filter((chain) => there.has(chain));
      if (own.length === 0 && parts.length > 0) return;
      const isLast = parts.length === 0 || !isSound(there, name);
      const commands = isLast
        ? [{ delete: { table: TABLE } }]
        : [...filled(frameOf(parts)), ...own.map((chain) => ({ delete: { chain: named(chain) } }))];
      await transact(commands, `Removing ${name}`, signal);
    });
  }

  close(): void {
    this.#monitor.close();
  }

  #alone(work: () => Promise<void>): Promise<void> {
    const done = this.#last.then(work);
    this.#last = done.catch(() => undefined);
    return done;
  }
}

/** Whether the chains that are there are of the sort they should be, and there is none that belongs to no part. */
function isSound(there: Chains, name: string): boolean {
  const frame = frameOf([]);
  return [...there].every(([chain, { properties }]) => {
    const isPart = /^(open|drop)-./.test(chain);
    if (!isPart && !frame.has(chain)) return false;
    const wanted = frame.get(chain)?.properties ?? {};
    const counts = !isPart || chainsOf(name).includes(chain);
    return !counts || canonicalText({ properties, rules: [] }) === canonicalText({ properties: wanted, rules: [] });
  });
}

type Command = Readonly<Record<string, Readonly<Record<string, object>>>>;

const named = (chain: string): object => ({ family: TABLE.family, table: TABLE.name, name: chain });
const add = (what: "table" | "chain" | "rule", it: object): Command => ({ add: { [what]: it } });
const renewed: readonly Command[] = [{ delete: { table: TABLE } }, add("table", TABLE)];

/** Chains that hold just these rules, whether they are there already or not. A chain is there before a rule names it. */
const filled = (chains: Chains): readonly Command[] => [
  ...[...chains].flatMap(([name, { properties }]): Command[] => [
    add("chain", { ...named(name), ...properties }),
    { flush: { chain: named(name) } },
  ]),
  ...[...chains].flatMap(([name, { rules }]) =>
    rules.map((expr) => add("rule", { family: TABLE.family, table: TABLE.name, chain: name, expr })),
  ),
];

const nft = (args: readonly string[], signal: AbortSignal, input?: string): Promise<CommandResult> =>
  runCommand({ argv: ["nft", ...args], signal, timeoutMs: TIMEOUT_MS, ...(input === undefined ? {} : { input }) });

/** What is in the table; null where there is no table. */
async function listed(signal: AbortSignal): Promise<Chains | null> {
  const result = await nft(["-j", "list", "table", TABLE.family, TABLE.name], signal);
  if (result._tag === "Ended" && result.code === 1 && result.stderr.includes("No such file or directory")) return null;
  const chains = result._tag === "Ended" && result.code === 0 && !result.truncated ? chainsIn(result.stdout) : null;
  if (chains === null) throw problemOf("Reading the packet filter", result);
  return chains;
}

async function transact(commands: readonly object[], doing: string, signal: AbortSignal): Promise<void> {
  const result = await nft(["-j", "-f", "-"], signal, JSON.stringify({ nftables: commands }));
  if (result._tag !== "Ended" || result.code !== 0) throw problemOf(doing, result);
}

const isNotPermitted = (result: CommandResult): boolean =>
  result._tag === "Ended" && result.stderr.includes("Operation not permitted");

function problemOf(doing: string, result: CommandResult): PortError {
  const fail = (code: PortError["problem"]["code"], why: string, next: string): PortError =>
    new PortError({ code, blame: "device", message: `${doing} failed: ${why}.`, next });
  if (result._tag === "NotFound") {
    return fail("Unavailable", "there is no program nft", "Install the package nftables.");
  }
  if (result._tag === "NotStarted") {
    return fail("Failed", `nft could not be started (${result.message})`, "Look at the device.");
  }
  if (result.timedOut) return fail("TimedOut", "nft took too long", "Nothing: it is tried again.");
  if (isNotPermitted(result)) return fail("NotPermitted", "nft is not permitted to do so", "Run the agent as root.");
  const said = result.stderr.trim().split("\n").slice(0, 2).join("; ").replace(/\.$/, "");
  return fail(
    "Failed",
    `nft said: ${said || "nothing that can be read"}`,
    `Look at it: nft list table ${TABLE.family} ${TABLE.name}.`,
  );
}
