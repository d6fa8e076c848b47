interface Line {
  readonly name: string;
  readonly ms: number;
  readonly error: string | null;
  /** Why it was not tried; null where it was. */
  readonly skipped: string | null;
}

const tell = (line: Line): void => void process.stdout.write(`${JSON.stringify(line)}\n`);

/** Tries it, and prints one line of JSON about it: what the test outside reads. */
export async function report(name: string, run: () => Promise<void>): Promise<void> {
  const began = performance.now();
  const error = await run().then(
    () => null,
    (reason: unknown) => (reason instanceof Error ? (reason.stack ?? reason.message) : String(reason)),
  );
  tell({ name, ms: Math.round(performance.now() - began), error, skipped: null });
}

/** Says in such a line that it is not tried here. */
export const excuse = (name: string, skipped: string): void => tell({ name, ms: 0, error: null, skipped });
