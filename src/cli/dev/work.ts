import { resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Manifest } from "../../topology/manifest.ts";
import type { SealingKey } from "../../wire/secrets/sealed.ts";
import type { AssetFile } from "../asset-files.ts";
import type { ProgressLine } from "../apply-progress.ts";
import { reportApply } from "../apply-report.ts";
import { EXIT, type ExitCode } from "../exit-code.ts";
import { fitsOrTell, loadOrTell } from "../manifest-file.ts";
import { displayPath } from "../problem.ts";
import { secretsOf } from "../../fleet/secrets.ts";
import { readSecrets, type SecretFlags, wipe } from "../secret-options.ts";
import type { Session } from "../session.ts";
import { uploadOrTell } from "../uploading.ts";
import { DEV_AGENT, type Machine } from "./machine.ts";
import type { OwnAgent } from "./own-agent.ts";
import { Saves } from "./saves.ts";

/** What `dev` does once its machine is there. */
export interface Work {
  readonly session: Session;
  readonly machine: Machine;
  /** Where the agent knows kinds of the author's own; else null. */
  readonly ownAgent: OwnAgent | null;
  /** Ends it. */
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
  /** Where secrets come from; they are read anew for each apply. */
  readonly flags: Pick<SecretFlags, "secret" | "secrets">;
  /** Makes the line that tells of one apply. */
  readonly begin: () => ProgressLine;
}

type Checked =
  | {
      readonly _tag: "Fits";
      readonly manifest: Manifest;
      readonly assets: readonly AssetFile[];
      readonly inputs: readonly string[];
    }
  /** `code`: what a command that can do nothing else ends with. */
  | { readonly _tag: "Not"; readonly code: ExitCode; readonly inputs: readonly string[] };

/** Loads FILE and holds it against its own topology; tells what is wrong. */
export async function loadFitting(session: Session, file: string): Promise<Checked> {
  const loaded = await loadOrTell(session, file);
  const { inputs } = loaded;
  if (loaded._tag === "CannotLoad") return { _tag: "Not", code: EXIT.usage, inputs };
  const { manifest, assets } = loaded;
  const targets = [{ _tag: "Topology", topology: manifest.topology }] as const;
  const fits = fitsOrTell(session, resolve(session.io.cwd, file), manifest, targets);
  return fits ? { _tag: "Fits", manifest, assets, inputs } : { _tag: "Not", code: EXIT.finding, inputs };
}

export async function serveOnly({ session, machine, signal }: Work): Promise<ExitCode> {
  session.say(`Apply something to it: HARMONY_SERVER=${machine.url} harmony apply FILE --agent ${DEV_AGENT}`);
  session.say("Ctrl-C ends it.");
  await aborted(signal);
  return EXIT.done;
}

export async function applyOnce(work: Work, file: string): Promise<ExitCode> {
  const checked = await loadFitting(work.session, file);
  return checked._tag === "Not" ? checked.code : apply(work, checked, work.signal);
}

/** Goes on until it is ended; a FILE that is broken for the moment is told, and the device stays as it was. */
export async function applyAtEachSave(work: Work, file: string): Promise<ExitCode> {
  const { session, machine, ownAgent, signal } = work;
  const path = resolve(session.io.cwd, file);
  session.say(`In another shell: HARMONY_SERVER=${machine.url} harmony status ${DEV_AGENT}`);
  let stale = new AbortController();
  const saves = new Saves(() => stale.abort());
  saves.watch([path]);
  try {
    while (!signal.aborted) {
      stale = new AbortController();
      // A save while it is applied calls the waiting off: what comes then is newer.
      const over = AbortSignal.any([signal, stale.signal]);
      const checked = await loadFitting(session, file);
      if (ownAgent?.isStale === true && (await ownAgent.build())) await machine.restartAgent();
      saves.watch([path, ...checked.inputs, ...(ownAgent?.inputs ?? [])]);
      if (checked._tag === "Fits") await apply(work, checked, over);
      if (!over.aborted) session.say(`watching ${displayPath(path, session.io.cwd)}; Ctrl-C ends it`);
      await aborted(over);
    }
  } finally {
    saves.close();
  }
  return EXIT.done;
}

async function apply(
  { session, machine, timeoutMs, begin, flags }: Work,
  { manifest, assets }: Extract<Checked, { readonly _tag: "Fits" }>,
  signal: AbortSignal,
): Promise<ExitCode> {
  const failed = await uploadOrTell(session, machine.fleet, assets, { signal });
  if (failed !== null) return signal.aborted ? EXIT.done : failed;
  const values = await readSecrets(session.io, flags, secretsOf(manifest));
  if ("problem" in values) {
    session.complain(values.problem, values.next);
    return EXIT.usage;
  }
  const { tell, end } = begin();
  // The agent is this machine's own, and so is the server between.
  const trustedKeys = values.size === 0 ? [] : await ownKey(machine, timeoutMs, signal);
  const options = { signal, timeoutMs, onProgress: tell, secrets: { values, trustedKeys } };
  const result = await machine.fleet.apply(manifest, DEV_AGENT, options).finally(() => {
    wipe(values);
    end();
  });
  // Called off: by a save, which is applied next, or by the end of it all.
  return result._tag === "Cancelled" ? EXIT.done : reportApply(session, result, DEV_AGENT);
}

/** The agent may not have spoken yet. Nothing where it does not come to it in time. */
async function ownKey({ fleet }: Machine, timeoutMs: number, signal: AbortSignal): Promise<readonly SealingKey[]> {
  const endsAt = performance.now() + timeoutMs;
  while (!signal.aborted && performance.now() < endsAt) {
    const key = await fleet.sealingKey(DEV_AGENT, { signal });
    if (typeof key === "string") return [key];
    await sleep(100, undefined, { signal }).catch(() => {});
  }
  return [];
}

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resume) => {
    if (signal.aborted) resume();
    else signal.addEventListener("abort", () => resume(), { once: true });
  });
