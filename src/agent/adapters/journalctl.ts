import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { PortError } from "../../capabilities/port-error.ts";
import type { LogEntry, LogGap, LogQuery, LogSource } from "../logs/log-source.ts";

const PROGRAMS = ["/usr/bin/journalctl", "/bin/journalctl"] as const;
/** English, by UTC, and in no pager. */
const ENVIRONMENT = { LC_ALL: "C", TZ: "UTC", SYSTEMD_PAGER: "cat" };
/** What is read of each entry beside its place and its time. */
const FIELDS = "MESSAGE,PRIORITY,SYSLOG_IDENTIFIER,_COMM,_PID,CONTAINER_NAME";
/** Of the JSON of one entry. What has more is skipped: it is no line that somebody reads. */
const ENTRY_BYTES = 512 * 1024;
/** The newest so many are told where it is not known from where on. */
const FOREIGN_TAIL = 10;
/** Of what it says is wrong. */
const COMPLAINT_BYTES = 1024;

/** Whether there is a journal that could be read. */
export const hasJournal = (): boolean =>
  PROGRAMS.some((path) => existsSync(path)) && existsSync("/run/systemd/journal");

/** The unit whose log this process's standard error goes to; null where it goes elsewhere. */
export function ownUnit(env: NodeJS.ProcessEnv): string | null {
  if (env["JOURNAL_STREAM"] === undefined) return null;
  try {
    const [, unit] = /^0::.*\/([^/\n]+\.service)(?:\/|$)/m.exec(readFileSync("/proc/self/cgroup", "utf8")) ?? [];
    return unit ?? null;
  } catch {
    return null;
  }
}

/** systemd's journal, read by its own program: a process for each reading, that is killed when the reading is over. */
export class Journalctl implements LogSource {
  readonly #more: readonly string[];
  readonly #programs: readonly string[];

  /** `more`: arguments for another journal than the host's. `programs`: the first one that is there. */
  constructor({
    more = [],
    programs = PROGRAMS,
  }: { readonly more?: readonly string[]; readonly programs?: readonly string[] } = {}) {
    this.#more = more;
    this.#programs = programs;
  }

  async *read(asked: LogQuery, signal: AbortSignal): AsyncGenerator<readonly (LogEntry | LogGap)[], void, void> {
    if (signal.aborted) return;
    // A place in the memory of an agent whose log went elsewhere before.
    const isForeign = asked.after !== null && !asked.after.startsWith("s=");
    const query = isForeign ? { ...asked, after: null, tail: FOREIGN_TAIL, since: null } : asked;
    if (isForeign) yield [{ _tag: "Gap", lines: null, why: "Forgotten" }];
    const program = this.#programs.find((path) => existsSync(path));
    if (program === undefined) throw noJournal();
    const child = spawn(program, [...argumentsFor(query), ...this.#more], {
      cwd: "/",
      env: ENVIRONMENT,
      stdio: ["ignore", "pipe", "pipe"],
    });
    const kill = (): void => void child.kill("SIGKILL");
    signal.addEventListener("abort", kill);
    const ended = endOf(child);
    try {
      for await (const entries of entriesIn(child)) {
        const wanted = query.since === null ? entries : entries.filter(notBefore(query.since));
        if (wanted.length > 0) yield wanted;
        if (signal.aborted) return;
      }
      const problem = await ended;
      if (problem !== null && !signal.aborted) throw problem;
    } finally {
      signal.removeEventListener("abort", kill);
      kill();
    }
  }
}

/** None of them is anybody's text but the cursor and the units, which stand behind their `=`. */
function argumentsFor({ units, after, tail, since, follow }: LogQuery): readonly string[] {
  const where =
    after !== null
      ? [`--after-cursor=${after}`, ...(follow ? ["--no-tail"] : [])]
      : tail !== null
        ? [`--lines=${tail}`]
        : since !== null
          ? [`--since=@${Math.floor(since.getTime() / 1000)}`, ...(follow ? ["--no-tail"] : [])]
          : follow
            ? ["--no-tail"]
            : [];
  return [
    "--no-pager",
    "--quiet",
    "--all",
    "--output=json",
    `--output-fields=${FIELDS}`,
    ...units.map((unit) => `--unit=${unit}`),
    ...where,
    ...(follow ? ["--follow"] : []),
  ];
}

/** One chunk's entries at a time: nothing is read from the process while nobody asks for more. */
async function* entriesIn({ stdout }: ChildProcess): AsyncGenerator<readonly (LogEntry | LogGap)[], void, void> {
  if (stdout === null) return;
  let rest: Buffer = Buffer.alloc(0);
  /** The line goes on, and is too long already. */
  let skips = false;
  try {
    for await (const read of stdout) {
      const chunk: unknown = read;
      if (!Buffer.isBuffer(chunk)) continue;
      const text: Buffer = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      const found: (LogEntry | LogGap)[] = [];
      let begin = 0;
      for (let end = text.indexOf(10); end >= 0; end = text.indexOf(10, begin)) {
        if (skips) found.push(TOO_LONG);
        else if (end > begin) found.push(entryIn(text.toString("utf8", begin, end)));
        skips = false;
        begin = end + 1;
      }
      rest = text.subarray(begin);
      if (rest.length > ENTRY_BYTES) skips = true;
      if (skips) rest = Buffer.alloc(0);
      if (found.length > 0) yield found;
    }
  } catch {
    // It was killed; how it ended tells whether anything is wrong.
  }
}

const TOO_LONG: LogGap = { _tag: "Gap", lines: 1, why: "TooMany" };

function entryIn(line: string): LogEntry | LogGap {
  let read: unknown;
  try {
    read = JSON.parse(line);
  } catch {
    return TOO_LONG;
  }
  const fields: ReadonlyMap<string, unknown> = new Map(
    typeof read === "object" && read !== null ? Object.entries(read) : [],
  );
  const cursor = fields.get("__CURSOR");
  const micros = Number(fields.get("__REALTIME_TIMESTAMP"));
  if (typeof cursor !== "string" || !Number.isSafeInteger(micros)) return TOO_LONG;
  const priority = Number(textOf(fields.get("PRIORITY")) || Number.NaN);
  const name = ["CONTAINER_NAME", "SYSLOG_IDENTIFIER", "_COMM"]
    .map((key) => textOf(fields.get(key)))
    .find((text) => text !== "");
  const pid = textOf(fields.get("_PID"));
  return {
    _tag: "Entry",
    cursor,
    at: new Date(micros / 1000).toISOString(),
    text: textOf(fields.get("MESSAGE")),
    ...(Number.isInteger(priority) && priority >= 0 && priority <= 7 && { priority }),
    ...(name !== undefined && { from: pid === "" ? name : `${name}[${pid}]` }),
  };
}

/** What is no plain text comes as its bytes; what was given several times, as a list. */
function textOf(value: unknown): string {
  if (typeof value === "string") return value;
  if (!Array.isArray(value)) return "";
  return value.every((each) => typeof each === "number")
    ? Buffer.from(value).toString("utf8")
    : value.map(textOf).join(" ");
}

const notBefore =
  (since: Date) =>
  (entry: LogEntry | LogGap): boolean =>
    entry._tag === "Gap" || entry.at >= since.toISOString();

/** Null where it ended well, or was killed from here. */
function endOf(child: ChildProcess): Promise<PortError | null> {
  let said = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    if (said.length < COMPLAINT_BYTES) said += text;
  });
  return new Promise((resolve) => {
    child.once("error", (error) => resolve(failed(error.message)));
    child.once("close", (code, by) =>
      resolve(code === 0 || by === "SIGKILL" ? null : failed(said.trim() || `it ended with ${code ?? by}`)),
    );
  });
}

const failed = (why: string): PortError =>
  new PortError({
    code: "Failed",
    message: `the journal could not be read: ${why.slice(0, COMPLAINT_BYTES)}`,
    blame: "device",
    next: "On the device, journalctl --verify tells whether the journal is damaged.",
  });

const noJournal = (): PortError =>
  new PortError({
    code: "NotFound",
    message: "this device has no journalctl to read its journal with",
    blame: "device",
    next: "It is a part of systemd.",
    retryable: false,
  });
