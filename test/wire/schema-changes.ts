import { isDeepStrictEqual } from "node:util";

/**
 * What became of a JSON Schema between two versions, as far as it can hurt somebody: what was said before is not taken any
 * more, or means something else. A sentence each, with the place; none where the new one takes all that the old one took.
 */

type Schema = Readonly<Record<string, unknown>>;
/** `read`: others write it. `told`: others read it too, and rely on what was always there. */
export type Direction = "read" | "told";

/** Words for people. */
const NO_MATTER = new Set(["$schema", "$id", "$defs", "$ref", "title", "description", "examples"]);
/** Sorts of a bound, and whether a higher one is narrower. */
const BOUNDS: Readonly<Record<string, "lower" | "upper">> = {
  minimum: "lower",
  exclusiveMinimum: "lower",
  minLength: "lower",
  minItems: "lower",
  minProperties: "lower",
  maximum: "upper",
  exclusiveMaximum: "upper",
  maxLength: "upper",
  maxItems: "upper",
  maxProperties: "upper",
};
const HANDLED = new Set([
  ...NO_MATTER,
  ...Object.keys(BOUNDS),
  "type",
  "const",
  "enum",
  "default",
  "properties",
  "required",
]);
const NESTED = ["items", "additionalProperties", "propertyNames"] as const;

export const harmfulChanges = (was: unknown, is: unknown, direction: Direction): readonly string[] =>
  new Comparison(was, is, direction).of(was, is, "");

class Comparison {
  readonly #was: Schema;
  readonly #is: Schema;
  readonly #direction: Direction;
  /** References that are being compared: a schema may contain itself. */
  readonly #open = new Set<string>();

  constructor(was: unknown, is: unknown, direction: Direction) {
    this.#was = asSchema(was);
    this.#is = asSchema(is);
    this.#direction = direction;
  }

  of(wasGiven: unknown, isGiven: unknown, at: string): readonly string[] {
    const pair = JSON.stringify([asSchema(wasGiven)["$ref"], asSchema(isGiven)["$ref"]]);
    const isRef = pair !== "[null,null]";
    if (isRef && this.#open.has(pair)) return [];
    if (isRef) this.#open.add(pair);
    const found = this.#compared(resolved(wasGiven, this.#was), resolved(isGiven, this.#is), at);
    if (isRef) this.#open.delete(pair);
    return found;
  }

  #compared(was: Schema, is: Schema, at: string): readonly string[] {
    const ofWas = alternatives(was);
    const ofIs = alternatives(is);
    if (ofWas === null && ofIs === null) return this.#plain(was, is, at);
    // Each form that was taken must be taken in one form at least.
    const lost = (ofWas ?? [was]).flatMap((one, nth) => {
      const against = (ofIs ?? [is]).map((other) => this.of(one, other, at));
      if (against.some((each) => each.length === 0)) return [];
      const [least = []] = against.toSorted((a, b) => a.length - b.length);
      return ofWas === null ? least : [`${place(at)}: its form ${nth + 1} is not taken any more`, ...least];
    });
    return [...lost, ...changed("default", was, is, at)];
  }

  #plain(was: Schema, is: Schema, at: string): readonly string[] {
    const rest = [...new Set([...Object.keys(was), ...Object.keys(is)])].filter(
      (key) => !HANDLED.has(key) && !NESTED.some((each) => each === key),
    );
    return [
      ...types(was, is, at),
      ...values(was, is, at),
      ...bounds(was, is, at),
      ...changed("default", was, is, at),
      ...this.#fields(was, is, at),
      ...NESTED.flatMap((key) => this.#nested(key, was, is, at)),
      // A pattern that is gone takes more; of a changed one nobody can tell.
      ...rest.flatMap((key) => (key in is ? changed(key, was, is, at) : [])),
    ];
  }

  #nested(key: (typeof NESTED)[number], was: Schema, is: Schema, at: string): readonly string[] {
    const [before = true, now = true] = [was[key], is[key]];
    if (now === true || isDeepStrictEqual(before, now) || before === false) return [];
    if (before === true || now === false) return [`${place(at)}: ${key} is narrower`];
    return this.of(before, now, `${at}.*`);
  }

  #fields(was: Schema, is: Schema, at: string): readonly string[] {
    const [before, now] = [asSchema(was["properties"]), asSchema(is["properties"])];
    const needed = { was: texts(was["required"]), is: texts(is["required"]) };
    const kept = Object.keys(before).flatMap((field) => {
      const here = `${at}.${field}`;
      if (!(field in now)) {
        return is["additionalProperties"] === false || this.#direction === "told" ? [`${place(here)} is gone`] : [];
      }
      const isNeeded = !needed.was.includes(field) && needed.is.includes(field);
      const isLost = this.#direction === "told" && needed.was.includes(field) && !needed.is.includes(field);
      return [
        ...(isNeeded ? [`${place(here)} could be left out, and cannot any more`] : []),
        ...(isLost ? [`${place(here)} was always there, and is not any more`] : []),
        ...this.of(before[field], now[field], here),
      ];
    });
    const added = needed.is
      .filter((field) => !(field in before) && !needed.was.includes(field))
      .map(
        (field) => `${place(`${at}.${field}`)} is new and cannot be left out: give it a default, or make a new version`,
      );
    return [...kept, ...added];
  }
}

const place = (at: string): string => (at === "" ? "the whole" : at.slice(1));

const asSchema = (value: unknown): Schema => (typeof value === "object" && value !== null ? { ...value } : {});
const texts = (value: unknown): readonly string[] =>
  Array.isArray(value) ? value.filter((each): each is string => typeof each === "string") : [];

function resolved(given: unknown, root: Schema): Schema {
  const schema = asSchema(given);
  const ref = schema["$ref"];
  if (typeof ref !== "string") return schema;
  const target = ref
    .split("/")
    .slice(1)
    .reduce((at: unknown, key) => asSchema(at)[key], root);
  return { ...resolved(target, root), ...schema };
}

function alternatives(schema: Schema): readonly unknown[] | null {
  const all = schema["anyOf"] ?? schema["oneOf"];
  return Array.isArray(all) ? all : null;
}

function types(was: Schema, is: Schema, at: string): readonly string[] {
  const all = (schema: Schema): readonly string[] => texts([schema["type"]].flat());
  const [before, now] = [all(was), all(is)];
  if (now.length === 0) return [];
  const taken = new Set(now.includes("number") ? [...now, "integer"] : now);
  const isSame = before.length > 0 && before.every((type) => taken.has(type));
  return isSame ? [] : [`${place(at)} was ${before.join(" or ") || "anything"}, and is ${now.join(" or ")}`];
}

function values(was: Schema, is: Schema, at: string): readonly string[] {
  const all = (schema: Schema): readonly unknown[] | null =>
    "const" in schema ? [schema["const"]] : Array.isArray(schema["enum"]) ? schema["enum"] : null;
  const [before, now] = [all(was), all(is)];
  if (now === null) return [];
  if (before === null) return [`${place(at)} could be more than ${JSON.stringify(now)}`];
  const gone = before.filter((value) => !now.some((each) => isDeepStrictEqual(each, value)));
  return gone.map((value) => `${place(at)} cannot be ${JSON.stringify(value)} any more`);
}

const bounds = (was: Schema, is: Schema, at: string): readonly string[] =>
  Object.entries(BOUNDS).flatMap(([key, sort]) => {
    const [before, now] = [was[key], is[key]];
    if (typeof now !== "number") return [];
    const isNarrower = typeof before !== "number" || (sort === "lower" ? now > before : now < before);
    return isNarrower
      ? [`${place(at)}: ${key} was ${typeof before === "number" ? before : "none"}, and is ${now}`]
      : [];
  });

const changed = (key: string, was: Schema, is: Schema, at: string): readonly string[] =>
  isDeepStrictEqual(was[key], is[key])
    ? []
    : [`${place(at)}: ${key} was ${JSON.stringify(was[key]) ?? "none"}, and is ${JSON.stringify(is[key]) ?? "none"}`];
