import { format, objections, type Target } from "../check/index.ts";
import type { Manifest } from "../topology/manifest.ts";
import { VERSION } from "../wire/version.ts";
import { type Loaded, loadManifest } from "./load-manifest.ts";
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
