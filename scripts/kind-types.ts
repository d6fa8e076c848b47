import * as z from "zod";
import type { SchemaComments } from "./kind-sources.ts";

/** One field of a schema, as a row of a table. */
export interface FieldRow {
  /** From the top: `limits.memoryMax`, `items[].name`, `environment.*`. */
  readonly path: string;
  readonly type: string;
  readonly isRequired: boolean;
  /** As JSON; undefined where there is none. */
  readonly initial: string | undefined;
  readonly comment: string;
}

type Json = z.core.JSONSchema.BaseSchema;

/** The schema as JSON Schema, with the sentences of its own checks under `says`. */
export const describe = (schema: z.core.$ZodType): Json =>
  z.toJSONSchema(schema, {
    io: "input",
    unrepresentable: "any",
    override: ({ zodSchema, jsonSchema }) => {
      const { type } = zodSchema._zod.def;
      if (type === "date") jsonSchema["says"] = ["a date"];
      else if (["bigint", "map", "set"].includes(type)) jsonSchema["says"] = [`a ${type}`];
      const says = sentencesOf(zodSchema);
      if (says.length > 0) jsonSchema["says"] = says;
    },
  });

/** What a check answers to a value that it refuses; that is as long as people want to read it. */
function sentencesOf(schema: z.core.$ZodType): readonly string[] {
  const own: readonly unknown[] = schema._zod.def.checks ?? [];
  return own.flatMap((check) => {
    const def = Definition.safeParse(check);
    const said = def.success ? def.data._zod.def.error({ code: "custom", input: "", path: [] }) : undefined;
    return typeof said === "string" ? [said] : [];
  });
}
const Definition = z.looseObject({
  _zod: z.looseObject({
    def: z.looseObject({ error: z.custom<(issue: object) => unknown>((it) => typeof it === "function") }),
  }),
});

const Says = z.array(z.string());
const saysOf = (schema: Json): readonly string[] => {
  const read = Says.safeParse(schema["says"]);
  return read.success ? [...new Set(read.data)] : [];
};

const isSchema = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const optionsOf = ({ anyOf, oneOf }: Json): readonly Json[] => [...(anyOf ?? []), ...(oneOf ?? [])];
const isNull = ({ type }: Json): boolean => type === "null";

/** The options of the comments stand for those of the schema, without `null`, which has none. */
const withComments = (options: readonly Json[], comments: SchemaComments | undefined) => {
  const real = options.filter((each) => !isNull(each));
  return real.map((option, at) => ({
    option,
    comments:
      comments?.options.length === real.length ? comments.options[at] : real.length === 1 ? comments : undefined,
  }));
};

/** Types that have a name in the sources, by the name: told once, and then referred to. */
export type NamedTypes = Map<string, { readonly type: string; readonly comment: string }>;

/** The rows of an object's fields, each followed by those within it. */
export function rowsOf(
  schema: Json,
  comments: SchemaComments | undefined,
  types: NamedTypes,
  prefix = "",
): readonly FieldRow[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, value]) => {
    if (!isSchema(value)) return [];
    const own = comments?.fields.get(name);
    const path = `${prefix}${name}`;
    const type = typeOf(value, own, types);
    // What is told of a named type is told with it.
    const comment = own?.comment ?? (type === `[${own?.name}](#types)` ? "" : own?.declared) ?? "";
    const row: FieldRow = {
      path,
      type,
      isRequired: schema.required?.includes(name) === true,
      initial: value.default === undefined ? undefined : JSON.stringify(value.default),
      comment: comment.replaceAll("\n\n", " "),
    };
    return [row, ...rowsWithin(value, own, types, path)];
  });
}

function rowsWithin(
  schema: Json,
  comments: SchemaComments | undefined,
  types: NamedTypes,
  path: string,
): readonly FieldRow[] {
  const options = withComments(optionsOf(schema), comments);
  const ofOptions = merged(options.map(({ option, comments: own }) => rowsWithin(option, own, types, path)));
  const { items, additionalProperties: values } = schema;
  return [
    ...ofOptions,
    ...rowsOf(schema, comments, types, `${path}.`),
    ...(isSchema(items) ? rowsWithin(items, comments?.item, types, `${path}[]`) : []),
    ...(isSchema(values) ? rowsWithin(values, comments?.item, types, `${path}.*`) : []),
  ];
}

/** The fields of several options as one: each once, with all types that it has, and required where each option that has it requires it. */
function merged(options: readonly (readonly FieldRow[])[]): readonly FieldRow[] {
  const byPath = new Map<string, FieldRow[]>();
  for (const row of options.flat()) byPath.set(row.path, [...(byPath.get(row.path) ?? []), row]);
  return [...byPath].map(([path, rows]) => ({
    path,
    type: [...new Set(rows.map(({ type }) => type))].join(", or "),
    isRequired: rows.every(({ isRequired }) => isRequired),
    initial: rows.find(({ initial }) => initial !== undefined)?.initial,
    comment: [...new Set(rows.map(({ comment }) => comment))].filter((each) => each !== "").join(" Or: "),
  }));
}

/** A type in words, or the name of one that is told elsewhere. */
function typeOf(schema: Json, comments: SchemaComments | undefined, types: NamedTypes): string {
  const type = wordsOf(schema, comments, types);
  // The fields of an object, and the words of an enumeration, are told where they stand.
  const real = optionsOf(schema).filter((each) => !isNull(each));
  const isPlain = schema.type === "string" ? schema.enum === undefined : real.some((each) => each.type !== "object");
  if (comments?.name === undefined || !isPlain) return type;
  const known = types.get(comments.name);
  // Two files may each have a type of that name.
  if (known !== undefined && known.type !== type) return type;
  types.set(comments.name, { type, comment: comments.declared ?? "" });
  return `[${comments.name}](#types)`;
}

function wordsOf(schema: Json, comments: SchemaComments | undefined, types: NamedTypes): string {
  const options = optionsOf(schema);
  if (options.length > 0) {
    const real = withComments(options, comments).map(({ option, comments: own }) => typeOf(option, own, types));
    return [...new Set([...real, ...(options.some(isNull) ? ["null"] : [])])].join(", or ");
  }
  const said = saysOf(schema);
  const base = baseOf(schema, comments, types);
  return said.length === 0 ? base : base === "anything" ? said.join("; ") : `${base}: ${said.join("; ")}`;
}

function baseOf(schema: Json, comments: SchemaComments | undefined, types: NamedTypes): string {
  if (schema.const !== undefined) return code(schema.const);
  if (schema.enum !== undefined) return schema.enum.map(code).join(", ");
  const { items, additionalProperties: values, propertyNames: keys, format, contentEncoding } = schema;
  const several: unknown = schema.type;
  if (Array.isArray(several)) {
    const each = z.array(z.enum(["string", "number", "integer", "boolean", "null", "array", "object"])).parse(several);
    return each.map((type) => baseOf({ ...schema, type }, comments, types)).join(", or ");
  }
  switch (schema.type) {
    case "null":
      return "null";
    case "boolean":
      return "true or false";
    case "integer":
      return `whole number${between(schema.minimum, schema.maximum)}`;
    case "number":
      return `number${between(schema.minimum, schema.maximum)}`;
    case "array":
      return `list of ${isSchema(items) ? typeOf(items, comments?.item, types) : "anything"}${counted(schema.minItems, schema.maxItems, "entries")}`;
    case "object":
      if (!isSchema(values)) return "object";
      return `record of ${typeOf(values, comments?.item, types)}${isSchema(keys) && saysOf(keys).length > 0 ? `; of a key: ${saysOf(keys).join("; ")}` : ""}`;
    case "string":
      return `${contentEncoding ?? format ?? "text"}${counted(schema.minLength, schema.maxLength, "characters")}`;
    case undefined:
    default:
      return "anything";
  }
}

const code = (value: unknown): string => `\`${JSON.stringify(value)}\``;

/** Whole numbers are safe ones anyway. */
const bound = (value: unknown): number | undefined =>
  typeof value === "number" && Math.abs(value) < Number.MAX_SAFE_INTEGER ? value : undefined;

function between(minimum: unknown, maximum: unknown): string {
  const [least, most] = [bound(minimum), bound(maximum)];
  if (least === undefined && most === undefined) return "";
  if (least === undefined) return `, at most ${most}`;
  return most === undefined ? `, at least ${least}` : `, ${least} to ${most}`;
}

function counted(minimum: unknown, maximum: unknown, what: string): string {
  const [least, most] = [bound(minimum), bound(maximum)];
  if (least === undefined && most === undefined) return "";
  if (most === undefined) return ` (at least ${least} ${what})`;
  return least === undefined ? ` (at most ${most} ${what})` : ` (${least} to ${most} ${what})`;
}
