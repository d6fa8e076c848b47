import type { Random } from "../simulator/random.ts";
import { mutateJson } from "./mutate-json.ts";
import { ODD_TEXTS } from "./odd.ts";

/** Mutated inputs do not grow beyond that; what is larger is tried as it is. */
export const INPUT_LIMIT_BYTES = 64 * 1024;

/** Another input, made of one or two that are there: as text that has structure, or as bytes. */
export function mutate(input: Uint8Array, other: Uint8Array, random: Random): Uint8Array {
  const asJson = random.chance(0.75) ? mutateJson(input, other, random) : null;
  let result = asJson ?? mutateBytes(input, other, random);
  // A text whose structure was changed, and then a byte of it.
  if (asJson !== null && random.chance(0.1)) result = mutateBytes(result, other, random);
  return result.subarray(0, INPUT_LIMIT_BYTES);
}

const TOKENS: readonly string[] = [
  ...[
    '"',
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\\",
    "\n",
    "\r\n",
    "\0",
    "0",
    "-",
    "null",
    "true",
    "1e999",
    "-0",
    "9".repeat(40),
  ],
  ...['"__proto__":{},', '"constructor":0,', "\\u0000", "\\ud800", "[".repeat(100), '{"a":'.repeat(70), "\ufeff"],
  ...ODD_TEXTS,
];

function mutateBytes(input: Uint8Array, other: Uint8Array, random: Random): Uint8Array {
  let bytes = Buffer.from(input);
  for (let times = 1 + random.below(4); times > 0; times -= 1) bytes = mutateOnce(bytes, Buffer.from(other), random);
  return bytes;
}

function mutateOnce(bytes: Buffer<ArrayBuffer>, other: Buffer<ArrayBuffer>, random: Random): Buffer<ArrayBuffer> {
  const from = random.below(bytes.length + 1);
  const to = Math.min(bytes.length, from + 1 + random.below(random.chance(0.8) ? 8 : 256));
  const before = bytes.subarray(0, from);
  switch (random.below(8)) {
    case 0:
      return replaced(bytes, from, (byte) => byte ^ (1 << random.below(8)));
    case 1:
      return replaced(bytes, from, () => random.pick([0, 1, 0x1b, 0x7f, 0x80, 0x9b, 0xff]) ?? 0);
    case 2:
      return replaced(bytes, from, () => random.below(256));
    case 3:
      return Buffer.concat([before, bytes.subarray(to)]);
    case 4:
      return Buffer.concat([before, bytes.subarray(from, to), bytes.subarray(from)]);
    case 5:
      return Buffer.concat([
        before,
        Buffer.from(random.pick(TOKENS) ?? ""),
        bytes.subarray(random.chance(0.5) ? from : to),
      ]);
    case 6: {
      const start = random.below(other.length + 1);
      return Buffer.concat([before, other.subarray(start, start + random.below(256)), bytes.subarray(to)]);
    }
    default:
      return random.chance(0.3)
        ? Buffer.from(before)
        : Buffer.concat([before, other.subarray(random.below(other.length + 1))]);
  }
}

function replaced(bytes: Buffer<ArrayBuffer>, at: number, by: (byte: number) => number): Buffer<ArrayBuffer> {
  const copy = Buffer.from(bytes);
  if (at < copy.length) copy[at] = by(copy[at] ?? 0);
  return copy;
}
