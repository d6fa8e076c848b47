import { statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import * as library from "../index.ts";
import { AssetFiles, type AssetFile } from "./asset-files.ts";
import { type FleetManifest, isFleet } from "../topology/fleet-manifest.ts";
import { isManifest, type Manifest } from "../topology/manifest.ts";
import { bundleManifest } from "./manifest-bundle.ts";
import type { Problem } from "./problem.ts";
import { nextName, placeIn, problemOf, runBundle } from "./run-bundle.ts";
import { type Place, ScorePlaces } from "./score-places.ts";
import type { AnyScore } from "../scores/score.ts";

/** What `fleet()` made. */
export interface LoadedFleet {
  readonly _tag: "LoadedFleet";
  readonly fleet: FleetManifest;
  readonly inputs: readonly string[];
  /** Those that its manifests refer to, of as many as have been made. */
  readonly assets: () => readonly AssetFile[];
}

export type Loaded =
  | {
      readonly _tag: "Loaded";
      readonly manifest: Manifest;
      readonly inputs: readonly string[];
      /** The files that it refers to. */
      readonly assets: readonly AssetFile[];
      /** Where in FILE, or in what it imports, a Score was made; null where that is not known. */
      readonly placeOf: (score: AnyScore) => Place | null;
    }
  | {
      readonly _tag: "CannotLoad";
      readonly problems: readonly Problem[];
      /** The files that are known to matter, so that a change of any of them is reason to try again. */
      readonly inputs: readonly string[];
      /** Whether it could at least be read, and went wrong when it ran. */
      readonly ran: boolean;
    };

export interface LoadOptions {
  readonly cwd: string;
  /** Takes what FILE prints while it is loaded. */
  readonly print: (text: string) => void;
}

/** As {@link loadAny}, for whoever has use for one manifest alone. */
export async function loadManifest(file: string, options: LoadOptions): Promise<Loaded> {
  const loaded = await loadAny(file, options);
  if (loaded._tag !== "LoadedFleet") return loaded;
  const message =
    "it exports a fleet(), and one manifest is wanted here: harmony apply FILE --selector rolls it out, harmony check FILE looks at all of it";
  return {
    _tag: "CannotLoad",
    problems: [{ file: resolve(options.cwd, file), message }],
    inputs: loaded.inputs,
    ran: true,
  };
}

/**
 * Loads FILE: TypeScript or JavaScript whose default export was made by `manifest()` or `fleet()`. Each call runs it anew. Nothing
 * is written to disk, and no build step is needed.
 */
export async function loadAny(file: string, { cwd, print }: LoadOptions): Promise<Loaded | LoadedFleet> {
  const path = resolve(cwd, file);
  const unread = (problems: readonly Problem[]): Loaded => ({
    _tag: "CannotLoad",
    problems,
    inputs: [path],
    ran: false,
  });
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return unread([{ file: path, message: "there is no such file" }]);
  if (!stat.isFile()) return unread([{ file: path, message: "this is no file" }]);
  const bundle = await bundleManifest(path, Object.keys(library));
  if (bundle._tag === "Broken") return unread(bundle.problems);
  const assets = new AssetFiles(dirname(path));
  const inputsNow = (): readonly string[] => [...bundle.inputs, ...assets.paths];
  const name = nextName();
  const places = new ScorePlaces(path, (stack) => placeIn(stack, name, path, bundle));
  const told = (problems: readonly Problem[]): Loaded => ({
    _tag: "CannotLoad",
    problems,
    inputs: inputsNow(),
    ran: true,
  });
  // What went wrong afterwards may come of what was wrong before.
  const no = (problem: Problem, exported: unknown = null): Loaded => {
    const before = places.problems(exported);
    return told(before.length === 0 ? [problem] : before);
  };
  let module: object;
  try {
    module = await runBundle(bundle, {
      name,
      print,
      library: { ...places.watched(library), asset: places.asset(assets.asset) },
    });
  } catch (error) {
    return no(problemOf(error, path, name, bundle));
  }
  const exported = "default" in module ? module.default : undefined;
  if (exported === undefined) {
    return no({
      file: path,
      message: "there is no default export: write `export default manifest(PiTopology, { ... })`",
    });
  }
  places.loaded();
  if (isFleet(exported)) {
    const wrong = places.problems(null);
    if (wrong.length > 0) return told(wrong);
    return { _tag: "LoadedFleet", fleet: exported, inputs: inputsNow(), assets: () => assets.files };
  }
  if (!isManifest(exported)) {
    const what =
      typeof exported === "object" && exported !== null && "then" in exported
        ? "a promise: await it"
        : "not made by manifest() or fleet()";
    return no({ file: path, message: `the default export is ${what}` });
  }
  const wrong = places.problems(exported);
  if (wrong.length > 0) return told(wrong);
  return {
    _tag: "Loaded",
    manifest: exported,
    inputs: inputsNow(),
    assets: assets.files,
    placeOf: (score) => places.of(score),
  };
}
