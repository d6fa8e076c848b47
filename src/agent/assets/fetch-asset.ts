import { PortError, type PortProblem } from "../../capabilities/port-error.ts";
import type { AssetRef } from "../../scores/asset.ts";
import type { Clock, Log } from "../../scores/context.ts";
import type { Store, Unreachable } from "../../wire/store.ts";
import { calledOff } from "../called-off.ts";
import type { AssetDisk, Part } from "./asset-disk.ts";
import { absent, corrupt, notReached } from "./asset-errors.ts";

/** For one piece of at most a mebibyte, also on a slow link. */
const PIECE_MS = 30_000;
/** So long nothing may come before it is given up, to be gone on with later. */
const PATIENCE_MS = 60_000;
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 10_000;
/** What was damaged is not read again as long as it is the same copy, for so long: it would be all in vain, for a whole GiB. */
const DAMAGED_MS = 3_600_000;
const REMEMBER_AT_MOST = 256;
const TELL_MS = 10_000;

/** By the name of the copy: what is wrong with it, and since when that is known. */
export type CorruptObjects = Map<string, { readonly how: string; readonly sinceMs: number }>;

export interface FetchParts {
  readonly store: Pick<Store, "findAsset" | "readAsset">;
  readonly disk: AssetDisk;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
  readonly corrupt: CorruptObjects;
  /** Rejects where there is none. */
  readonly makeRoom: () => Promise<void>;
}

/** Brings one asset to the disk, from where it was when that was interrupted. Resolves once it is whole and its hash is right. */
export async function fetchAsset(ref: AssetRef, parts: FetchParts): Promise<void> {
  const { store, disk, signal, clock, log } = parts;
  const found = await patiently(ref, parts, 0, () => store.findAsset(ref.asset, { signal, timeoutMs: PIECE_MS }));
  if (found._tag === "Absent") throw absent(ref);
  if (found._tag === "Corrupt") throw corrupt(ref, found.message);
  const { object } = found;
  if (found.size !== ref.size) throw corrupt(ref, `it has ${found.size} bytes there`);
  const known = parts.corrupt.get(object);
  if (known !== undefined && clock.monotonicMs() - known.sinceMs < DAMAGED_MS) throw corrupt(ref, known.how);
  await parts.makeRoom();
  const part = await disk.begin(ref.asset, object, signal);
  const resumed = part.place.bytes;
  log(resumed === 0 ? "fetching an asset" : "going on with an asset", {
    asset: ref.asset,
    bytes: ref.size,
    from: resumed,
  });
  try {
    const how = await readAll(ref, part, parts);
    const wrong = how ?? ((await part.finish()) ? null : "its bytes do not have that hash");
    if (wrong !== null) {
      if (parts.corrupt.size >= REMEMBER_AT_MOST) parts.corrupt.clear();
      parts.corrupt.set(object, { how: wrong, sinceMs: clock.monotonicMs() });
      part.discard();
      throw corrupt(ref, wrong);
    }
    log("an asset is here", { asset: ref.asset, bytes: ref.size });
  } catch (error) {
    await leave(part, error);
    throw error;
  }
}

/** What has come is worth keeping, but for where the disk is full: then it is in the way. */
async function leave(part: Part, error: unknown): Promise<void> {
  const code: PortProblem["code"] | null = error instanceof PortError ? error.problem.code : null;
  if (code === "NoSpace") part.discard();
  else await part.close().catch(() => part.discard());
}

/** What is wrong with it; null where all of it has come. */
async function readAll(ref: AssetRef, part: Part, parts: FetchParts): Promise<string | null> {
  const { store, signal, clock, log } = parts;
  let toldMs = clock.monotonicMs();
  while (part.place.bytes < ref.size) {
    const { object, bytes } = part.place;
    const piece = await patiently(ref, parts, bytes, () =>
      store.readAsset(ref.asset, part.place, { signal, timeoutMs: PIECE_MS }),
    );
    if (piece._tag === "End") return `it ends after ${bytes} of ${ref.size} bytes`;
    const place = { object, at: piece.at, bytes: bytes + piece.bytes.length };
    if (place.bytes > ref.size) return `it is longer than ${ref.size} bytes`;
    await part.append(piece.bytes, place);
    if (signal.aborted) throw calledOff();
    if (clock.monotonicMs() - toldMs < TELL_MS) continue;
    toldMs = clock.monotonicMs();
    log("an asset is on its way", { asset: ref.asset, bytes: place.bytes, of: ref.size });
  }
  return null;
}

/** Asks again for a while where no answer comes: a link that comes and goes must not begin anew each time. */
async function patiently<T extends object>(
  ref: AssetRef,
  { clock, signal }: FetchParts,
  got: number,
  ask: () => Promise<T | Unreachable>,
): Promise<T> {
  const since = clock.monotonicMs();
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
    const answer = await ask();
    if (signal.aborted) throw calledOff();
    if (isAnswer(answer)) return answer;
    const isFinal = answer.reason === "Denied" || answer.reason === "NoBucket";
    if (isFinal || clock.monotonicMs() - since + pauseMs > PATIENCE_MS) throw notReached(ref, answer, got);
    await pause(clock, pauseMs, signal);
  }
}

const isAnswer = <T extends object>(answer: T | Unreachable): answer is T =>
  !("_tag" in answer && answer._tag === "Unreachable");

function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resume) => {
    const end = (): void => {
      cancel();
      signal.removeEventListener("abort", end);
      resume();
    };
    const cancel = clock.after(ms, end);
    signal.addEventListener("abort", end, { once: true });
  });
}
