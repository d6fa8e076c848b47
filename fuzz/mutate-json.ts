import type { Random } from "../simulator/random.ts";
import { entries, ODD_TEXTS, oddValues } from "./odd.ts";

type Edit = (value: unknown) => unknown;

const SEED = 53;
const ODD_VALUES = oddValues(SEED);
/** Of one text; more are not told apart. */
const PLACES_LIMIT = 4000;

/** The input with its structure changed; null where it is no JSON. */
export function mutateJson(input: Uint8Array, other: Uint8Array, random: Random): Uint8Array | null {
  let result = parsed(Buffer.from(input).toString());
  if (result === undefined) return null;
  for (let times = 1 + random.below(3); times > 0; times -= 1) result = mutateValue(result, other, random);
  return Buffer.from(stringified(result));
}

function mutateValue(root: unknown, other: Uint8Array, random: Random): unknown {
  const places = countPlaces(root);
  const at = random.below(places);
  return editAt(root, at, (value) => {
    const inner = innerText(value);
    // A payload is JSON in a text of JSON: most of what there is to change is in there.
    if (inner !== undefined && random.chance(0.9)) return stringified(mutateValue(inner, other, random));
    return edited(value, root, other, random);
  });
}

function edited(value: unknown, root: unknown, other: Uint8Array, random: Random): unknown {
  if (typeof value === "string" && random.chance(0.4)) return editedText(value, random);
  if (typeof value === "number" && random.chance(0.4)) return value + (random.pick([-1, 1, 0.5, 1e9, -1e9]) ?? 1);
  if (typeof value === "object" && value !== null && random.chance(0.5)) return editedParts(value, root, random);
  switch (random.below(4)) {
    case 0: {
      const from = parsed(Buffer.from(other).toString());
      return from === undefined ? random.pick(ODD_VALUES) : pieceOf(from, random);
    }
    case 1:
      return pieceOf(root, random);
    case 2:
      return nestedIn(value, random);
    default:
      return random.pick(ODD_VALUES);
  }
}

/** A list or an object with one of its parts gone, doubled, moved, or added. */
function editedParts(value: object, root: unknown, random: Random): unknown {
  if (Array.isArray(value)) {
    const list: unknown[] = value.slice();
    const at = random.below(list.length + 1);
    const [one] = list.slice(at, at + 1);
    const added = random.pick([[], [one], [one, one], [random.pick(ODD_VALUES)], [pieceOf(root, random)]]) ?? [];
    list.splice(at, 1, ...added);
    return random.chance(0.05) ? list.concat(list, list, list) : list;
  }
  const all = Object.entries(value);
  const at = random.below(all.length + 1);
  const [one, two] = [all[at], all[random.below(all.length + 1)]];
  const key = random.pick(ODD_TEXTS) ?? "";
  switch (random.below(5)) {
    case 0:
      return entries(all.filter((each) => each !== one));
    case 1:
      return entries([...all, [key, one?.[1] ?? random.pick(ODD_VALUES)]]);
    case 2:
      return entries([...all, [`${one?.[0] ?? ""}${random.below(10)}`, one?.[1] ?? null]]);
    case 3:
      return entries(
        all.map((each) => (each === one ? [each[0], two?.[1]] : each === two ? [each[0], one?.[1]] : each)),
      );
    default:
      return entries(all.map((each) => (each === one ? [key, each[1]] : each)));
  }
}

function editedText(text: string, random: Random): string {
  const at = random.below(text.length + 1);
  const odd = random.pick(ODD_TEXTS) ?? "";
  return (
    random.pick([
      text.slice(0, at),
      text.slice(at),
      text + text,
      text.slice(0, at) + odd + text.slice(at),
      text.slice(0, at) + odd,
    ]) ?? ""
  );
}

function nestedIn(value: unknown, random: Random): unknown {
  let result = value;
  for (let depth = random.pick([1, 2, 8, 64, 200]) ?? 1; depth > 0; depth -= 1) {
    result = depth % 2 === 0 ? [result] : { a: result };
  }
  return result;
}

const pieceOf = (root: unknown, random: Random): unknown => {
  let piece: unknown;
  editAt(root, random.below(countPlaces(root)), (value) => (piece = value));
  return piece;
};

function countPlaces(root: unknown): number {
  let count = 0;
  const open: unknown[] = [root];
  while (open.length > 0 && count < PLACES_LIMIT) {
    const value = open.pop();
    count += 1;
    if (typeof value === "object" && value !== null) for (const each of Object.values(value)) open.push(each);
  }
  return count;
}

/** The value with its `at`th place edited, counted in the order in which they are written. */
export function editAt(root: unknown, at: number, edit: Edit): unknown {
  let left = at;
  const walk = (value: unknown, depth: number): unknown => {
    if (left === 0) {
      left = -1;
      return edit(value);
    }
    left -= 1;
    if (depth > 500 || typeof value !== "object" || value === null) return value;
    if (Array.isArray(value)) return value.map((each: unknown) => (left < 0 ? each : walk(each, depth + 1)));
    return entries(Object.entries(value).map(([key, each]) => [key, left < 0 ? each : walk(each, depth + 1)]));
  };
  return walk(root, 0);
}

const innerText = (value: unknown): unknown =>
  typeof value === "string" && /^\s*[[{]/.test(value) ? parsed(value) : undefined;

export function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** What cannot be written, since it is nested too deeply, is left out. */
export function stringified(value: unknown): string {
  try {
    return JSON.stringify(value) ?? "null";
  } catch {
    return "null";
  }
}
