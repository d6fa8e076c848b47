import { editAt, parsed, stringified } from "./mutate-json.ts";

/** A smaller input that still fails, as far as one is found before the time is over. */
export async function minimise(
  input: Uint8Array,
  fails: (input: Uint8Array) => Promise<boolean>,
  budgetMs: number,
): Promise<Uint8Array> {
  const endsAt = performance.now() + budgetMs;
  const isTime = (): boolean => performance.now() < endsAt;
  let smallest = input;
  for (const smaller of [ofJson, ofBytes]) {
    let at = 0;
    while (isTime()) {
      const next = smaller(smallest, at);
      if (next === null) break;
      if (next.length < smallest.length && (await fails(next))) smallest = next;
      else at += 1;
    }
  }
  return smallest;
}

/** Without its `at`th place, or with something simpler there; null where there is none. */
function ofJson(input: Uint8Array, at: number): Uint8Array | null {
  const value = parsed(Buffer.from(input).toString());
  if (value === undefined) return null;
  const [place, simpler] = [Math.floor(at / 4), at % 4];
  let isThere = false;
  const result = editAt(value, place, (each) => {
    isThere = true;
    const inner = typeof each === "string" ? ofJson(Buffer.from(each), simpler + 4) : null;
    return [
      undefined,
      0,
      typeof each === "string" ? each.slice(0, each.length / 2) : [],
      inner === null ? "" : Buffer.from(inner).toString(),
    ][simpler];
  });
  return isThere ? Buffer.from(stringified(result)) : null;
}

/** Without a piece of it: first halves, then ever smaller ones. */
function ofBytes(input: Uint8Array, at: number): Uint8Array | null {
  let left = at;
  for (let pieces = 2; pieces / 2 <= input.length && pieces <= 1024; pieces *= 2) {
    if (left < pieces) {
      const [from, to] = [left, left + 1].map((each) => Math.floor((each * input.length) / pieces));
      return Buffer.concat([input.subarray(0, from), input.subarray(to)]);
    }
    left -= pieces;
  }
  return null;
}
