import * as fc from "fast-check";
import { expect, test } from "vitest";
import type { Bucket } from "../../../src/wire/store.ts";
import { bytes, comparable, freshKey, revisionOf, type AnyStore, type Scene } from "./scene.ts";

interface Put {
  readonly do: "put";
  readonly value: Uint8Array;
  readonly expect: "nothing" | "latest" | "stale" | "none";
}
type What = { readonly do: "get" } | { readonly do: "delete" } | Put;

const step = fc.record({
  client: fc.constantFrom(0, 1),
  key: fc.constantFrom(0, 1),
  what: fc.oneof<fc.MaybeWeightedArbitrary<What>[]>(
    { weight: 1, arbitrary: fc.constant<What>({ do: "get" }) },
    { weight: 1, arbitrary: fc.constant<What>({ do: "delete" }) },
    {
      weight: 3,
      arbitrary: fc.record<Put>({
        do: fc.constant("put"),
        value: fc.uint8Array({ maxLength: 8 }),
        expect: fc.constantFrom("nothing", "latest", "stale", "none"),
      }),
    },
  ),
});

/** What the port says of a bucket, in its simplest form. */
class Model {
  readonly #held = new Map<string, { readonly value: Uint8Array | undefined; readonly revision: number }>();
  #revision: number;

  constructor(revision: number) {
    this.#revision = revision;
  }

  expected(key: string, what: What): number | undefined {
    if (what.do !== "put" || what.expect === "nothing") return undefined;
    const at = this.#held.get(key)?.revision ?? 0;
    return what.expect === "latest" ? at : what.expect === "none" ? 0 : Math.max(1, at - 1);
  }

  perform(key: string, what: What): unknown {
    const held = this.#held.get(key);
    if (what.do === "get") {
      if (held === undefined) return { _tag: "Absent" };
      return held.value === undefined ? { _tag: "Deleted", revision: held.revision } : { _tag: "Value", ...held };
    }
    const expected = this.expected(key, what);
    const live = held?.value !== undefined;
    if (expected !== undefined && !(expected === 0 ? !live : expected === held?.revision)) return { _tag: "Conflict" };
    this.#revision += 1;
    this.#held.set(key, { value: what.do === "put" ? what.value : undefined, revision: this.#revision });
    return { _tag: "Written", revision: this.#revision };
  }
}

async function perform(
  store: AnyStore,
  bucket: Bucket,
  key: string,
  what: What,
  expected: number | undefined,
): Promise<unknown> {
  if (what.do === "get") return store.get(bucket, key);
  return what.do === "delete" ? store.delete(bucket, key) : store.put(bucket, key, what.value, { expect: expected });
}

/** `runs`: how many random histories are tried. */
export function historyContract({ client }: Scene, runs: number): void {
  test("random histories of two clients give what a simple model gives", async () => {
    const stores = [await client(), await client()] as const;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 30 }), async (steps) => {
        const keys = [freshKey(), freshKey()] as const;
        // The revision of the bucket is where the history starts.
        const model = new Model(revisionOf(await stores[0].put("capabilities", freshKey(), bytes(""))));
        for (const { client: index, key, what } of steps) {
          const answer = await perform(stores[index], "capabilities", keys[key], what, model.expected(keys[key], what));
          expect(comparable(answer)).toEqual(model.perform(keys[key], what));
        }
      }),
      { numRuns: runs },
    );
  });
}
