import { setTimeout as sleep } from "node:timers/promises";

/** Long, because only a failing test waits for its end. */
const DEADLINE_MS = 60_000;

/** Waits until `look` gives something that is neither null, undefined nor false. `tell` is what the failure says was seen. */
export async function eventually<T>(
  what: string,
  look: () => T | Promise<T>,
  tell: () => string = () => "",
): Promise<Exclude<T, null | undefined | false>> {
  const deadline = performance.now() + DEADLINE_MS;
  for (;;) {
    const seen = await look();
    if (isThere(seen)) return seen;
    if (performance.now() > deadline) throw new Error(`never came about: ${what}\n${tell()}`);
    await sleep(10);
  }
}

const isThere = <T>(value: T): value is Exclude<T, null | undefined | false> =>
  value !== null && value !== undefined && value !== false;
