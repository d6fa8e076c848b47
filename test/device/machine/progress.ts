/** Progress of what takes over a second: a line on standard error, so that standard output stays what was asked for. */
export type Say = (sentence: string) => void;

export const say: Say = (sentence) => void process.stderr.write(`device: ${sentence}\n`);

/** "1.2 s" since `started`, a value of `performance.now()`. */
export const secondsSince = (started: number): string => `${((performance.now() - started) / 1000).toFixed(1)} s`;
