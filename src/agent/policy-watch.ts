import type { Clock } from "../scores/context.ts";
import type { DevicePolicies } from "../wire/device-policy.ts";

/** How soon a changed policy holds for what is in force; what comes new is held against it at once. */
const LOOK_MS = 10_000;

/** Calls back whenever the device's policies are others than before. Returns the way to stop. */
export function watchPolicy(policy: () => DevicePolicies, clock: Clock, changed: () => void): () => void {
  let before = policy();
  let cancel = (): void => {};
  const again = (): void => {
    cancel = clock.after(LOOK_MS, () => {
      const now = policy();
      const isOther = now !== before;
      before = now;
      again();
      if (isOther) changed();
    });
  };
  again();
  return () => cancel();
}
