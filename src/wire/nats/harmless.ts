/** Runs what others have registered. What it throws is a bug of theirs, and must end neither the connection nor the agent. */
export function harmless(callback: () => void): void {
  try {
    callback();
  } catch (error) {
    process.emitWarning(error instanceof Error ? error : String(error));
  }
}
