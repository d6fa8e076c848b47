import { readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { AnyScoreClass } from "../src/scores/score.ts";
import { type KindClass, KindSources } from "./kind-sources.ts";
import { describe, type FieldRow, type NamedTypes, rowsOf } from "./kind-types.ts";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const sources = new KindSources();
const types: NamedTypes = new Map();
const files = readdirSync(join(root, "src/scores"))
  .filter((file) => file.endsWith(".ts"))
  .toSorted()
  .map((file) => join(root, "src/scores", file));

/** Where the kind is written. */
export function classOf({ kind, version }: AnyScoreClass): KindClass {
  const [found] = files.flatMap((file) => sources.classOf(file, kind, version) ?? []);
  if (found === undefined) throw new Error(`no class of src/scores is ${kind}@${version}`);
  return found;
}

/** The fields of a kind's spec, each with its path: `limits.memoryMax`, `items[].name`, `environment.*`. */
export const fieldRows = (kind: AnyScoreClass): readonly FieldRow[] =>
  rowsOf(describe(kind.schema.spec), sources.commentsOf(classOf(kind), "spec"), types);

/** What is said of each field, with its default, by its path. */
export const fieldDocs = (kind: AnyScoreClass): ReadonlyMap<string, string> =>
  new Map(
    fieldRows(kind).map(({ path, comment, initial }) => {
      const isTold = initial === undefined || /\bdefault\b/i.test(comment);
      return [path, isTold ? comment : `${comment} Default ${initial}.`.trim()];
    }),
  );
