import { type Rollout, type RolloutDevice, RolloutId, rolloutText } from "../../wire/rollout.ts";
import { type CallOptions, ROLLOUTS, type Unreachable } from "../../wire/store.ts";
import { isOwnSignature } from "../../wire/signature.ts";
import type { Signers } from "../pack.ts";
import type { FleetParts } from "../parts.ts";
import { Bell, pause } from "../waiting.ts";
import { LEASE_MS, type ReadRollout, readRollout, writeRollout } from "./record.ts";

export interface Taking {
  readonly token: string;
  readonly holder: string;
  /** Whose keys sign what is shipped. They have to be those of who began it. */
  readonly signers?: Signers | undefined;
  /** Another limit than the one that it was begun with. */
  readonly maxFailures?: number | undefined;
  readonly signal: AbortSignal;
  /** Another command may still run it, and it is being seen whether it does. */
  readonly onWaiting?: ((holder: string) => void) | undefined;
}

export type Taken =
  /** `retried`: what had failed, and is tried once more. */
  | {
      readonly _tag: "Taken";
      readonly rollout: Rollout;
      readonly revision: number;
      readonly retried: readonly string[];
    }
  | { readonly _tag: "Held"; readonly holder: string }
  | { readonly _tag: "AlreadyDone"; readonly rollout: Rollout }
  /** Somebody else may have put into it what this author never saw. */
  | { readonly _tag: "NotSigned"; readonly key: string }
  | { readonly _tag: "LimitUnreachable"; readonly message: string }
  | Exclude<ReadRollout, { readonly _tag: "Rollout" }>
  | Unreachable;

const WRITE_AGAIN_MS = 250;

/** Takes the lease of a roll-out that nobody runs, so that it can be gone on with; what has failed is to be tried again. */
export async function takeRollout(parts: FleetParts, id: RolloutId, taking: Taking): Promise<Taken> {
  const { token, holder, signal } = taking;
  const call: CallOptions = { signal };
  for (;;) {
    const found = await readRollout(parts, id, call);
    if (found._tag !== "Rollout") return found;
    const { rollout, revision } = found;
    const maxFailures = taking.maxFailures ?? rollout.maxFailures;
    const total = Object.keys(rollout.devices).length;
    if (maxFailures > 0 && maxFailures >= total) {
      const message = `more than ${maxFailures} of ${total} devices can never fail, so --max-failures ${maxFailures} would stop nothing`;
      return { _tag: "LimitUnreachable", message };
    }
    if (rollout.state === "Done") return { _tag: "AlreadyDone", rollout };
    const stranger = (taking.signers ?? []).find(({ key, privateKey }) => !hasSigned(rollout, key, privateKey));
    if (stranger !== undefined) return { _tag: "NotSigned", key: stranger.key };
    if (rollout.lease !== null) {
      const lives = await isHeld(parts, rollout, taking);
      if (lives === "Changed") continue;
      if (lives !== "Silent") return { _tag: "Held", holder: rollout.lease.holder };
    }
    const retried = Object.keys(rollout.devices).filter((each) => rollout.devices[each]?.state === "Failed");
    const devices = Object.fromEntries(Object.entries(rollout.devices).map(([of, device]) => [of, again(device)]));
    const at = parts.clock.now().toISOString();
    const taken: Rollout = {
      ...rollout,
      maxFailures,
      // What failed in a wave before is looked at again in its own wave.
      wave: Math.min(rollout.wave, firstOpen(rollout.waves, devices)),
      state: "Running",
      stop: null,
      stopAsked: false,
      devices,
      lease: { token, holder, at },
    };
    const written = await parts.store.put(ROLLOUTS, id, writeRollout(taken), { ...call, expect: revision });
    if (written._tag === "Written") return { _tag: "Taken", rollout: taken, revision: written.revision, retried };
    if (written._tag === "Unreachable") return written;
    await pause(parts.clock, WRITE_AGAIN_MS, signal);
  }
}

function hasSigned(rollout: Rollout, key: string, privateKey: Signers[number]["privateKey"]): boolean {
  const text = rolloutText(rollout);
  return rollout.signatures.some((each) => each.key === key && isOwnSignature(text, each, privateKey));
}

const again = (device: RolloutDevice): RolloutDevice =>
  device.state === "Failed" ? { ...device, state: "Pending", message: null } : device;

const firstOpen = (waves: Rollout["waves"], devices: Rollout["devices"]): number => {
  const at = waves.findIndex((ids) => ids.some((id) => devices[id]?.state !== "Ready"));
  return at === -1 ? Math.max(0, waves.length - 1) : at;
};

/** Whether whoever has the lease still writes. Its clock is not trusted further than to begin with. */
async function isHeld(parts: FleetParts, rollout: Rollout, taking: Taking): Promise<"Held" | "Silent" | "Changed"> {
  const { clock, store } = parts;
  const { lease, id } = rollout;
  if (lease === null || isSilent(rollout, clock.now())) return "Silent";
  taking.onWaiting?.(lease.holder);
  const bell = new Bell(clock);
  const unsubscribe = store.onChange(ROLLOUTS, id, bell.ring);
  const until = clock.monotonicMs() + LEASE_MS;
  try {
    while (clock.monotonicMs() < until && !taking.signal.aborted) {
      await bell.next(Math.max(1, Math.min(1_000, until - clock.monotonicMs())), taking.signal);
      const found = await readRollout(parts, id, { signal: taking.signal });
      if (found._tag !== "Rollout") continue;
      if (found.rollout.lease?.token !== lease.token) return "Changed";
      if (found.rollout.lease.at !== lease.at) return "Held";
    }
    return taking.signal.aborted ? "Held" : "Silent";
  } finally {
    unsubscribe();
  }
}

/** By the clocks of both, whether nobody has written for longer than a lease lasts. */
export const isSilent = ({ lease }: Rollout, now: Date): boolean =>
  lease === null || now.getTime() - Date.parse(lease.at) > LEASE_MS;

export type Stopping =
  | { readonly _tag: "Stopped"; readonly rollout: Rollout }
  | { readonly _tag: "AlreadyEnded"; readonly rollout: Rollout }
  /** Whoever runs it has been asked, and has not ended yet. */
  | { readonly _tag: "Asked"; readonly rollout: Rollout }
  | Exclude<ReadRollout, { readonly _tag: "Rollout" }>
  | Unreachable;

/** Asks whoever runs it to stop, and waits until that is so; where nobody does, stops it here. */
export async function stopRollout(parts: FleetParts, id: RolloutId, signal: AbortSignal): Promise<Stopping> {
  const { clock, store } = parts;
  const call: CallOptions = { signal };
  const bell = new Bell(clock);
  const unsubscribe = store.onChange(ROLLOUTS, id, bell.ring);
  const until = clock.monotonicMs() + 2 * LEASE_MS;
  let asked = false;
  try {
    for (;;) {
      const found = await readRollout(parts, id, call);
      if (found._tag !== "Rollout") return found;
      const { rollout, revision } = found;
      if (rollout.state !== "Running") return { _tag: asked ? "Stopped" : "AlreadyEnded", rollout };
      const isNobodys = isSilent(rollout, clock.now());
      if (isNobodys || !rollout.stopAsked) {
        const stop = { reason: "Asked", message: "somebody stopped it while no command ran it" } as const;
        const next: Rollout = isNobodys
          ? { ...rollout, state: "Stopped", stop, stopAsked: false, lease: null }
          : { ...rollout, stopAsked: true };
        const written = await store.put(ROLLOUTS, id, writeRollout(next), { ...call, expect: revision });
        if (written._tag === "Unreachable") return written;
        if (written._tag === "Written") asked = true;
        if (written._tag === "Written" && isNobodys) return { _tag: "Stopped", rollout: next };
      }
      if (signal.aborted || clock.monotonicMs() >= until) return { _tag: "Asked", rollout };
      await bell.next(1_000, signal);
    }
  } finally {
    unsubscribe();
  }
}

export type Removing =
  | { readonly _tag: "Removed" }
  /** It may go on; whether a command runs it now is told by its lease. */
  | { readonly _tag: "Running"; readonly rollout: Rollout }
  | Exclude<ReadRollout, { readonly _tag: "Rollout" }>
  | Unreachable;

/** Forgets a roll-out that has ended, if nobody goes on with it at the same moment. What it shipped stays as it is. */
export async function removeRollout(parts: FleetParts, id: RolloutId, call: CallOptions = {}): Promise<Removing> {
  for (;;) {
    const found = await readRollout(parts, id, call);
    if (found._tag !== "Rollout") return found;
    if (found.rollout.state === "Running") return { _tag: "Running", rollout: found.rollout };
    const removed = await parts.store.delete(ROLLOUTS, id, { ...call, expect: found.revision });
    if (removed._tag === "Written") return { _tag: "Removed" };
    if (removed._tag === "Unreachable") return removed;
  }
}

/** Every roll-out that is known, the newest first. What cannot be read is named by its id alone. */
export async function listRollouts(
  parts: FleetParts,
  call: CallOptions = {},
): Promise<{ readonly rollouts: readonly Rollout[]; readonly unreadable: readonly string[] } | Unreachable> {
  const keys = await parts.store.keys(ROLLOUTS, call);
  if ("_tag" in keys) return keys.reason === "NoBucket" ? { rollouts: [], unreadable: [] } : keys;
  const rollouts: Rollout[] = [];
  const unreadable: string[] = [];
  for (const key of keys) {
    const id = RolloutId.safeParse(key);
    const found = id.success ? await readRollout(parts, id.data, call) : null;
    if (found?._tag === "Unreachable") return found;
    if (found?._tag === "Rollout") rollouts.push(found.rollout);
    else unreadable.push(key);
  }
  return { rollouts: rollouts.toSorted((a, b) => (a.createdAt < b.createdAt ? 1 : -1)), unreadable };
}
