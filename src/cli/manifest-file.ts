import { resolve } from "node:path";
import { format, objections, type Target } from "../check/index.ts";
import type { Manifest } from "../topology/manifest.ts";
import { VERSION } from "../wire/version.ts";
import { EXIT, type ExitCode } from "./exit-code.ts";
import { type Loaded, loadAny, loadManifest } from "./load-manifest.ts";
import type { LoadedForMany } from "./made-for.ts";
import { visible } from "./paint.ts";
import { displayPath, problemLine } from "./problem.ts";
import type { Session } from "./session.ts";

/** Loads FILE, and tells why where that cannot be done. */
export async function loadOrTell(session: Session, file: string): Promise<Loaded> {
  const { io, complain } = session;
  const loaded = await loadManifest(file, { cwd: io.cwd, print: io.err });
  if (loaded._tag === "CannotLoad") {
    for (const problem of loaded.problems) complain(problemLine(problem, io.cwd));
  }
  return loaded;
}

/** The same of a FILE that may be meant for many devices. Null: it cannot be loaded. */
export async function loadForManyOrTell(session: Session, file: string): Promise<LoadedForMany | null> {
  const { io, complain } = session;
  const loaded = await loadAny(file, { cwd: io.cwd, print: io.err });
  if (loaded._tag !== "CannotLoad") return loaded;
  for (const problem of loaded.problems) complain(problemLine(problem, io.cwd));
  return null;
}

/** Whether the manifest can run on the targets; tells each Score that cannot. */
export function fitsOrTell(
  { io, say }: Session,
  file: string,
  manifest: Manifest,
  targets: readonly Target[],
): boolean {
  const shown = displayPath(file, io.cwd);
  const findings = objections(manifest, targets).map((objection) => ({ ...objection, file: shown }));
  if (findings.length === 0) return true;
  const scores = Object.entries(manifest.scores).map(([id, { kind }]) => ({ id, kind }));
  say(visible(format({ files: [{ file: shown, scores, targets: [] }], findings }, "text", VERSION).trimEnd()));
  return false;
}

/** The manifest in FILE, where it can be loaded and runs on its own topology; else what the command ends with, all told. */
export async function manifestOrCode(session: Session, file: string): Promise<Manifest | ExitCode> {
  const loaded = await loadOrTell(session, file);
  if (loaded._tag === "CannotLoad") return EXIT.usage;
  const { manifest } = loaded;
  const target = { _tag: "Topology", topology: manifest.topology } as const;
  return fitsOrTell(session, resolve(session.io.cwd, file), manifest, [target]) ? manifest : EXIT.finding;
}
