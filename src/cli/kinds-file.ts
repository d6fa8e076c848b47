import { statSync } from "node:fs";
import { resolve } from "node:path";
import * as library from "../index.ts";
import { KINDS } from "../scores/index.ts";
import type { AnyScoreClass } from "../scores/score.ts";
import { bundleManifest } from "./manifest-bundle.ts";
import { type Problem, problemLine } from "./problem.ts";
import { nextName, placeIn, problemOf, runBundle } from "./run-bundle.ts";
import type { Session } from "./session.ts";

/** A kind of a list, and the absolute path of the file that `Score()` is called in; null for one of Harmony's own. */
export interface ListedKind {
  readonly kind: AnyScoreClass;
  readonly file: string | null;
}

export type LoadedKinds =
  | { readonly _tag: "Kinds"; readonly kinds: readonly ListedKind[]; readonly inputs: readonly string[] }
  | { readonly _tag: "CannotLoad"; readonly problems: readonly Problem[]; readonly inputs: readonly string[] };

const HOW = "write `export default [FileScore, MotdScore] as const`";

/** Loads FILE: TypeScript or JavaScript whose default export is a list of kinds. Nothing is written to disk. */
export async function loadKinds(
  file: string,
  { cwd, print }: { readonly cwd: string; readonly print: (text: string) => void },
): Promise<LoadedKinds> {
  const path = resolve(cwd, file);
  const no = (problems: readonly Problem[], inputs: readonly string[] = [path]): LoadedKinds => ({
    _tag: "CannotLoad",
    problems,
    inputs,
  });
  if (statSync(path, { throwIfNoEntry: false })?.isFile() !== true) {
    return no([{ file: path, message: "there is no such file" }]);
  }
  const bundle = await bundleManifest(path, Object.keys(library));
  if (bundle._tag === "Broken") return no(bundle.problems);
  const name = nextName();
  const madeIn = new Map<string, string>();
  const watched = new Proxy(library.Score, {
    apply: (target, self, given) => {
      const made: unknown = Reflect.apply(target, self, given);
      const place = placeIn(new Error("here").stack ?? "", name, path, bundle);
      if (isKind(made) && place !== null) madeIn.set(nameOf(made), place.file);
      return made;
    },
  });
  let module: object;
  try {
    module = await runBundle(bundle, { name, print, library: { ...library, Score: watched } });
  } catch (error) {
    return no([problemOf(error, path, name, bundle)], bundle.inputs);
  }
  const exported: unknown = "default" in module ? module.default : undefined;
  const read = kindsIn(exported);
  if ("message" in read) return no([{ file: path, message: read.message }], bundle.inputs);
  const isOurs = (kind: AnyScoreClass): boolean => KINDS.some((own: AnyScoreClass) => own === kind);
  const kinds = read.map((kind) => ({ kind, file: isOurs(kind) ? null : (madeIn.get(nameOf(kind)) ?? path) }));
  return { _tag: "Kinds", kinds, inputs: bundle.inputs };
}

/** The same, for a command: null where it cannot be loaded, which has been told. */
export async function kindsOrTell({ io, complain }: Session, file: string): Promise<readonly AnyScoreClass[] | null> {
  const loaded = await loadKinds(file, { cwd: io.cwd, print: io.err });
  if (loaded._tag === "Kinds") return loaded.kinds.map(({ kind }) => kind);
  for (const problem of loaded.problems) complain(problemLine(problem, io.cwd));
  return null;
}

export const nameOf = ({ kind, version }: Pick<AnyScoreClass, "kind" | "version">): string => `${kind}@${version}`;

/** The kinds that a list names; a sentence where it is none that an agent could be built of. */
function kindsIn(exported: unknown): readonly AnyScoreClass[] | { readonly message: string } {
  if (exported === undefined) return { message: `there is no default export: ${HOW}` };
  if (!Array.isArray(exported)) return { message: `the default export is no list of kinds: ${HOW}` };
  if (exported.length === 0) return { message: `the list is empty: ${HOW}` };
  const kinds: AnyScoreClass[] = [];
  for (const [index, each] of exported.entries()) {
    if (!isKind(each)) {
      return { message: `number ${index + 1} of the list is no kind: a kind is a class that extends Score(...)` };
    }
    if (kinds.some((other) => nameOf(other) === nameOf(each))) {
      return { message: `${nameOf(each)} is in the list twice: a kind and its version mean one class` };
    }
    if (KINDS.some((own: AnyScoreClass) => own.kind === each.kind && own !== each)) {
      return { message: `${each.kind} is a kind of Harmony's own: give yours another name` };
    }
    kinds.push(each);
  }
  return kinds;
}

const isKind = (value: unknown): value is AnyScoreClass =>
  typeof value === "function" &&
  "kind" in value &&
  typeof value.kind === "string" &&
  "version" in value &&
  Number.isInteger(value.version) &&
  "requires" in value &&
  Array.isArray(value.requires) &&
  "schema" in value &&
  "parse" in value;
