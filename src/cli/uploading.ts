import { match } from "ts-pattern";
import { sizeText } from "../scores/size-text.ts";
import type { Fleet } from "../fleet/index.ts";
import type { AssetFile } from "./asset-files.ts";
import { CLEAR_LINE } from "./apply-progress.ts";
import { EXIT, type ExitCode } from "./exit-code.ts";
import { displayPath } from "./problem.ts";
import { tellUnreachable } from "./server.ts";
import type { Session } from "./session.ts";

/** What takes less is not told while it goes on. */
const TELL_MS = 1000;

/** Brings what a manifest refers to to the server, before the manifest itself. Null: all of it is there. */
export async function uploadOrTell(
  session: Session,
  fleet: Pick<Fleet, "upload">,
  files: readonly AssetFile[],
  { signal, again = false }: { readonly signal: AbortSignal; readonly again?: boolean },
): Promise<ExitCode | null> {
  for (const file of files) {
    const told = await uploadOne(session, fleet, file, signal, again);
    if (told !== null) return told;
  }
  return null;
}

async function uploadOne(
  session: Session,
  fleet: Pick<Fleet, "upload">,
  file: AssetFile,
  signal: AbortSignal,
  again: boolean,
): Promise<ExitCode | null> {
  const { io, json, say, complain } = session;
  const shown = displayPath(file.path, io.cwd);
  const live = io.errIsTerminal && io.env["TERM"] !== "dumb";
  let toldAt = performance.now();
  let dirty = false;
  const onProgress = (bytes: number): void => {
    if (json || performance.now() - toldAt < TELL_MS) return;
    toldAt = performance.now();
    const line = `uploading ${shown}: ${sizeText(bytes)} of ${sizeText(file.size)}`;
    if (live) io.err(`${CLEAR_LINE}${line}`);
    else say(line);
    dirty = live;
  };
  const result = await fleet.upload(file, { signal, again, onProgress }).catch((error: unknown) => ({
    _tag: "Unread" as const,
    message: error instanceof Error ? error.message : String(error),
  }));
  if (dirty) io.err(CLEAR_LINE);
  if (signal.aborted) {
    // Else by whoever called it off, and goes on with something newer.
    if (io.signal.aborted) complain(`stopped while ${shown} was uploaded; nothing was shipped`);
    return EXIT.timedOut;
  }
  return match(result)
    .returnType<ExitCode | null>()
    .with({ _tag: "Stored" }, ({ before }) => {
      if (!json && !before) say(`uploaded ${shown} (${sizeText(file.size)})`);
      return null;
    })
    .with({ _tag: "Mismatch" }, () => {
      complain(`${shown} changed while it was uploaded`, "Try again once nothing writes to it any more.");
      return EXIT.finding;
    })
    .with({ _tag: "Unread" }, ({ message }) => {
      complain(`${shown} could not be read: ${message}`);
      return EXIT.usage;
    })
    .with({ _tag: "Unreachable" }, (unreachable) => {
      tellUnreachable(session, unreachable);
      return EXIT.unreachable;
    })
    .exhaustive();
}
