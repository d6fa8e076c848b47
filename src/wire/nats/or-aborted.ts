/** What comes first: the end of the work, or the signal, for which `instead` answers. What the work gives later is dropped. */
export async function orAborted<T, I>(signal: AbortSignal, work: Promise<T>, instead: () => I): Promise<T | I> {
  if (signal.aborted) return instead();
  return new Promise((resolve, reject) => {
    const onAbort = (): void => resolve(instead());
    signal.addEventListener("abort", onAbort, { once: true });
    work.finally(() => signal.removeEventListener("abort", onAbort)).then(resolve, reject);
  });
}
