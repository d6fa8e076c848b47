import type { Clock } from "../scores/context.ts";

/** How soon a changed file holds for what is in force; what comes new is held against it at once. */
const LOOK_MS = 10_000;

/** Calls back whenever what one of the owner's files says is another object than before. Returns the way to stop. */
export function watchFile(current: () => object, clock: Clock, changed: () => void): () => void {
  let before = current();
  let cancel = (): void => {};
  const again = (): void => {
    cancel = clock.after(LOOK_MS, () => {
      const now = current();
      const isOther = now !== before;
      before = now;
      again();
      if (isOther) changed();
    });
  };
  again();
  return () => cancel();
}
