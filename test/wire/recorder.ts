/** Remembers what it is told, and lets a test wait for it; the timeout of the test is the deadline. */
export interface Recorder<T> {
  readonly all: readonly T[];
  readonly tell: (value: T) => void;
  /** The first value, told already or yet to come, that fits. */
  until(fits: (value: T) => boolean): Promise<T>;
}

export function recorder<T>(): Recorder<T> {
  const all: T[] = [];
  const waiting = new Set<() => void>();
  return {
    all,
    tell: (value) => {
      all.push(value);
      for (const look of waiting) look();
    },
    until: async (fits) =>
      new Promise((resolve) => {
        const look = (): void => {
          for (const value of all) {
            if (!fits(value)) continue;
            waiting.delete(look);
            resolve(value);
            return;
          }
        };
        waiting.add(look);
        look();
      }),
  };
}
