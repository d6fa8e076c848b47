/** Tries it, and prints one line of JSON about it: what the test outside reads. */
export async function report(name: string, run: () => Promise<void>): Promise<void> {
  const began = performance.now();
  const error = await run().then(
    () => null,
    (reason: unknown) => (reason instanceof Error ? (reason.stack ?? reason.message) : String(reason)),
  );
  process.stdout.write(`${JSON.stringify({ name, ms: Math.round(performance.now() - began), error })}\n`);
}
