import * as fc from "fast-check";
import type { Accepted } from "../../../src/agent/saved-manifest.ts";
import type { Notice, Owned } from "../../../src/agent/journal.ts";
import { Ledger } from "../../../src/agent/ledger.ts";
import { begin } from "../../../src/agent/score-status.ts";
import { encodeScore } from "../../../src/wire/encode.ts";
import type { ScoreStatus } from "../../../src/wire/status.ts";
import { decoded, file } from "./manifests.ts";
import type { MemoryDisk } from "./memory-disk.ts";

export const JOURNAL = "journal.jsonl";
export const MANIFEST = "manifest.json";
const quiet = (): void => {};
export const open = (disk: MemoryDisk, log: (message: string) => void = quiet): Promise<Ledger> =>
  Ledger.open(disk, log);

const wires = ["one", "two"].map((content) => encodeScore(file("/f", content)));
const statuses = ["1", "2", "3"].map((content, at): ScoreStatus => {
  const score = decoded({ generation: 1, scores: { a: file("/f", content) } }).scores.get("a");
  if (score === undefined) throw new Error("not decoded");
  return begin(score, at, undefined, new Date(at));
});
export const acceptedOf = (generation: number): Accepted => ({
  generation,
  revision: generation * 10,
  payload: `{"äß":${generation}}`,
});
const never = (): never => {
  throw new Error("out of range");
};
/** One of each, for where it does not matter which. */
export const wire = wires[0] ?? never();
export const status = statuses[0] ?? never();

type Change =
  | { readonly do: "accept"; readonly generation: number }
  | {
      readonly do: "own";
      readonly id: string;
      readonly path: string;
      readonly wire: number;
      readonly claims: readonly string[];
    }
  | { readonly do: "disown"; readonly path: string }
  | { readonly do: "remember"; readonly id: string; readonly status: number }
  | { readonly do: "forget"; readonly id: string }
  | { readonly do: "notify" | "noticed"; readonly notice: Notice };

const id = fc.constantFrom("a", "b", "c");
const path = fc.constantFrom("path:/x", "path:/y", "path:/z");
export const journalled: fc.Arbitrary<Change> = fc.oneof(
  fc.record({ do: fc.constant("own" as const), id, path, wire: fc.nat(1), claims: fc.subarray(["/x", "/y"]) }),
  fc.record({ do: fc.constant("disown" as const), path }),
  fc.record({ do: fc.constant("remember" as const), id, status: fc.nat(2) }),
  fc.record({ do: fc.constant("forget" as const), id }),
  fc.record({
    do: fc.constantFrom("notify" as const, "noticed" as const),
    notice: fc.record({ to: id, by: id, change: fc.constantFrom("intentional" as const, "corrective" as const) }),
  }),
);
export const change: fc.Arbitrary<Change> = fc.oneof(
  { weight: 4, arbitrary: journalled },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("accept" as const), generation: fc.nat(9) }) },
);

export function tell(ledger: Ledger, told: Change): void {
  switch (told.do) {
    case "accept":
      return ledger.accept(acceptedOf(told.generation));
    case "own":
      return ledger.own(told.id, told.path, wires[told.wire] ?? never(), told.claims);
    case "disown":
      return ledger.disown(told.path);
    case "remember":
      return ledger.remember(told.id, statuses[told.status] ?? never());
    case "forget":
      return ledger.forget(told.id);
    case "notify":
      return ledger.notify(told.notice);
    case "noticed":
      return ledger.noticed(told.notice);
  }
}

/** All it knows, in the order in which it knows it: the order decides what is removed first. */
export const known = (
  ledger: Ledger,
): { accepted: Accepted | null; owned: [string, Owned][]; statuses: [string, ScoreStatus][]; notices: Notice[] } => ({
  accepted: ledger.accepted,
  owned: [...ledger.owned],
  statuses: [...ledger.statuses],
  notices: [...ledger.notices],
});
/** The order of the statuses and the notices means nothing. */
export const sorted = (all: ReturnType<typeof known>) => ({
  ...all,
  statuses: all.statuses.toSorted(([a], [b]) => (a < b ? -1 : 1)),
  notices: all.notices.toSorted((a, b) => (`${a.to} ${a.by}` < `${b.to} ${b.by}` ? -1 : 1)),
});

/** Each thing that it knows, by name, as text. */
export const facts = (all: ReturnType<typeof known>): ReadonlyMap<string, string> =>
  new Map([
    ...all.owned.map(([identity, own]) => [`own ${identity}`, JSON.stringify(own)] as const),
    ...all.statuses.map(([score, of]) => [`score ${score}`, JSON.stringify(of)] as const),
    ...all.notices.map((notice) => [`notice ${notice.to} ${notice.by}`, JSON.stringify(notice)] as const),
  ]);
