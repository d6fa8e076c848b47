/** Many measurements of one thing, in one unit. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
  /** Of 100 measurements, the 99th; told only where there are enough of them to say it. */
  readonly p99: number | null;
  readonly count: number;
}

export type Unit = "us" | "ms" | "MiB" | "KiB" | "KiB/min" | "bytes" | "%" | "of 200" | "ratio" | "count";

/** One line of the report. */
export interface Figure {
  readonly name: string;
  readonly unit: Unit;
  readonly ours: Spread;
  /** Taken in the same run, in turn with ours. */
  readonly baseline: { readonly name: string; readonly is: Spread } | null;
  /** Median of ours by median of the baseline. */
  readonly ratio: number | null;
  readonly target: Target | null;
}

export interface Target {
  /** "at most 2.5 times the raw loop" */
  readonly says: string;
  /** What is held against the limit, in the unit that `says` names. */
  readonly value: number;
  readonly limit: number;
  readonly met: boolean;
}

export interface Benchmark {
  /** For `--only`. */
  readonly name: string;
  /** One sentence: what is measured, against what. */
  readonly title: string;
  run(place: Place): Promise<readonly Figure[]>;
}

/** Where a benchmark works: a directory of its own and the way to say what it is doing. All of it is taken away afterwards. */
export interface Place {
  readonly directory: string;
  /** How long one is to watch that watches; null: as long as it takes by itself. */
  readonly minutes: number | null;
  /** How many bytes the agent of "idle" and "leak" is made to keep with each heartbeat; 0: none. */
  readonly leakBytes: number;
  readonly progress: (sentence: string) => void;
  /** Called when the benchmark is over, however it ended; the last one first. */
  readonly atEnd: (end: () => Promise<void> | void) => void;
}

const P99_FROM = 100;

export function spread(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (part: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;
  const middle = sorted.length % 2 === 0 ? (at(0.5) + (sorted[sorted.length / 2 - 1] ?? Number.NaN)) / 2 : at(0.5);
  return {
    median: middle,
    min: at(0),
    max: at(1),
    p99: sorted.length >= P99_FROM ? at(0.99) : null,
    count: sorted.length,
  };
}

export const atMost = (says: string, value: number, limit: number): Target => ({
  says,
  value,
  limit,
  met: value <= limit,
});

export interface Given {
  readonly name: string;
  readonly unit: Unit;
  readonly ours: readonly number[];
  readonly baseline?: { readonly name: string; readonly values: readonly number[] };
  /** Makes the target of the median ratio (1 where there is no baseline) and of ours. */
  readonly target?: (ratio: number, ours: Spread) => Target;
}

export function figure({ name, unit, ours: values, baseline, target }: Given): Figure {
  const ours = spread(values);
  const is = baseline === undefined ? null : { name: baseline.name, is: spread(baseline.values) };
  const ratio = is === null || is.is.median === 0 ? null : ours.median / is.is.median;
  return { name, unit, ours, baseline: is, ratio, target: target?.(ratio ?? 1, ours) ?? null };
}
