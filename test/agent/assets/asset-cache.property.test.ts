import * as fc from "fast-check";
import { expect, test } from "vitest";
import { CacheRig, madeOf, never } from "./cache-rig.ts";

const ASSETS = [0, 1000, 3500, 7001].map((size, seed) => madeOf(seed, size));
const LIMIT = 11_000;

const which = fc.nat(ASSETS.length - 1);
const event = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("fetch" as const),
      which,
      cutAfter: fc.option(fc.nat(9), { nil: null, freq: 2 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("put" as const), which }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("spoil" as const), which, at: fc.nat(7000) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("take" as const), which }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("crash" as const) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("refer" as const), all: fc.uniqueArray(which) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("collect" as const) }) },
);

function demand(holds: boolean, sentence: string): void {
  if (!holds) throw new Error(sentence);
}

/** Gives up after so many calls of the server: in the middle of a piece, before the first, after the last. */
function cutter(rig: CacheRig, after: number | null): AbortSignal {
  const cut = new AbortController();
  let left = after ?? Infinity;
  rig.store.onCall = () => {
    if (left === 0) cut.abort();
    left -= 1;
  };
  return after === null ? never : cut.signal;
}

const TYPED = new Set(["NotFound", "Corrupt", "NoSpace", "TimedOut"]);

test("whatever is cut short, spoilt or taken away: it is whole or a typed failure, within the bound, and what is in use stays", async () => {
  const seen = new Set<string>();
  await fc.assert(
    fc.asyncProperty(fc.array(event, { minLength: 3, maxLength: 25 }), async (events) => {
      const rig = await CacheRig.open(LIMIT);
      for (const each of ASSETS) rig.put(each);
      try {
        for (const each of events) {
          const whole = new Set(rig.disk.list().flatMap(({ sha256, isWhole }) => (isWhole ? [sha256] : [])));
          switch (each.do) {
            case "fetch": {
              const { ref, bytes } = ASSETS[each.which] ?? madeOf(0, 0);
              const problem = await rig.fetch(ref, cutter(rig, each.cutAfter));
              await rig.cache.idle();
              seen.add(problem?.code ?? "here");
              demand(problem === null || TYPED.has(problem.code), `failed with ${problem?.code}: ${problem?.message}`);
              if (problem === null) {
                demand(Buffer.from(await rig.bytesOf(ref)).equals(bytes), "what came is not what was asked for");
              }
              const stored = rig.server.assets.get(ref.asset);
              const isGood = stored !== undefined && Buffer.from(stored).equals(bytes);
              const othersInUse = ASSETS.reduce(
                (sum, other) => sum + (other.ref !== ref && rig.inUse.has(other.ref.asset) ? other.ref.size : 0),
                0,
              );
              const mustCome = isGood && each.cutAfter === null && othersInUse + ref.size <= LIMIT;
              demand(problem === null || !mustCome, `it is there and fits, and did not come: ${problem?.message}`);
              break;
            }
            case "put":
              rig.put(ASSETS[each.which] ?? madeOf(0, 0));
              break;
            case "spoil": {
              const { ref, bytes } = ASSETS[each.which] ?? madeOf(0, 0);
              rig.server.assets.set(
                ref.asset,
                Uint8Array.from(bytes, (byte, at) => (at === each.at % bytes.length ? ~byte : byte)),
              );
              break;
            }
            case "take":
              rig.server.assets.delete(ASSETS[each.which]?.ref.asset ?? "");
              break;
            case "crash":
              await rig.start();
              break;
            case "refer":
              rig.inUse = new Set(each.all.map((at) => ASSETS[at]?.ref.asset ?? ""));
              break;
            case "collect":
              rig.cache.collect();
              demand(
                rig.disk.list().every(({ sha256 }) => rig.inUse.has(sha256)),
                "what nothing refers to is left",
              );
          }
          const now = rig.disk.list();
          demand(rig.heldBytes <= LIMIT, `the cache holds ${rig.heldBytes} bytes`);
          for (const sha256 of whole) {
            const isThere = now.some((other) => other.isWhole && other.sha256 === sha256);
            demand(isThere || !rig.inUse.has(sha256), "what is referred to was taken away");
          }
        }
      } finally {
        rig.close();
      }
    }),
    { numRuns: 200 },
  );
  // All of it came about.
  expect([...seen]).toEqual(expect.arrayContaining(["here", "NotFound", "Corrupt", "TimedOut"]));
});
