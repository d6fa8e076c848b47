/** What is asked of something that runs, to learn whether it is well. */
export type Question =
  /** Any status from 200 to 399 is well. `address`: an IP address; default: the device itself, or a container's own. */
  | { readonly type: "http"; readonly address?: string | undefined; readonly port: number; readonly path: string }
  /** Whether something takes a connection. */
  | { readonly type: "tcp"; readonly address?: string | undefined; readonly port: number }
  /** Well is what ends with 0. The program is an absolute path. Runs as this user (a name or a number); default root. */
  | {
      readonly type: "command";
      readonly command: readonly string[];
      readonly user?: string | undefined;
      readonly group?: string | undefined;
    };

/** How often something is asked, and how many answers count. */
export interface ProbeTiming {
  /** From one question to the next. Once a second, where that is more often, until it first comes to be well. */
  readonly intervalSeconds: number;
  /** What has not answered by then has not answered well. */
  readonly timeoutSeconds: number;
  /** How many answers in a row have to be bad, an interval apart, before it is called unhealthy. */
  readonly failureThreshold: number;
  /** How many answers in a row have to be good before it is called healthy. */
  readonly successThreshold: number;
  /** After the start; bad answers do not count in it, until it was well once. */
  readonly startPeriodSeconds: number;
}

export type Probe = Question & ProbeTiming;

/** One life of a thing, from a start to an end. Answers of another life do not count. */
export interface Life {
  /** The same as long as it runs on. */
  readonly id: string;
  /** Milliseconds since it was started. */
  readonly ageMs: number;
}

/** What the answers came to. */
export interface Probed {
  readonly health: "starting" | "healthy" | "unhealthy";
  /** What the first of the last bad answers in a row was, as it ends a sentence; null where the last answer was good. */
  readonly why: string | null;
  /** Milliseconds that it is to be left alone before it is restarted because it is unhealthy; 0 where it need not rest. */
  readonly restMs: number;
  /** How often it was restarted because of that, without having been well for long meanwhile, and why the last time. */
  readonly revived: { readonly times: number; readonly why: string } | null;
}
