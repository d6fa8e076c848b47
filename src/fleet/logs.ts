import { type AgentId, logsSubject } from "../wire/keys.ts";
import { LogReply, type LogRequest, WAIT_MS } from "../wire/logs.ts";
import { CapabilitiesDocument, readDocument, writeDocument } from "../wire/status.ts";
import type { CallOptions, Store, Unreachable } from "../wire/store.ts";
import type { FleetParts } from "./parts.ts";
import { pause } from "./waiting.ts";

export interface LogsOptions {
  /** Default: the agent's own log. */
  readonly scoreId?: string | undefined;
  /** The newest so many, at most 10,000. Default: as many as there are, at most so many. */
  readonly tail?: number | undefined;
  /** None that the device logged before. */
  readonly since?: Date | undefined;
  /** Goes on with what comes, over outages too. Default false. */
  readonly follow?: boolean | undefined;
  readonly signal: AbortSignal;
  /** By this the agent knows the reader again: letters and digits, another one for each call. */
  readonly reader: string;
}

type Lines = Extract<LogReply, { readonly _tag: "Lines" }>;
type Refused = Extract<LogReply, { readonly _tag: "Refused" }>;
export type LogNews =
  | Lines
  | Refused
  /** The server is there, the agent is not, takes too long, or cannot do this. */
  | { readonly _tag: "NoAnswer"; readonly message: string; readonly next: string; readonly isFinal: boolean }
  /** What it answered is not to be understood. */
  | { readonly _tag: "Unreadable"; readonly message: string }
  | Unreachable;

/** What the agent may take for an answer beside the time that it lets a reader wait. */
const ANSWER_MS = 10_000;
/** Between two tries. */
const AGAIN_MS = 2000;
/** To say good-bye, which nobody waits for. */
const END_MS = 1000;

/**
 * The log of what a Score runs, or of the agent, in parts as they come; no line twice. Whatever is not `Lines` ends it; but where it
 * follows and has had an answer, an outage is told once, and it goes on from the last line when the agent is there again.
 */
export async function* logs(
  { store, clock }: FleetParts,
  agentId: AgentId,
  { scoreId, tail, since, follow = false, signal, reader }: LogsOptions,
): AsyncGenerator<LogNews, void, void> {
  const asked: LogRequest = {
    reader,
    score: scoreId ?? null,
    tail: tail ?? null,
    since: since?.toISOString() ?? null,
    after: null,
    follow,
  };
  let after: string | null = null;
  let hadAnswer = false;
  let isOut = false;
  let isEnd = false;
  try {
    while (!signal.aborted && !isEnd) {
      const news = await ask(store, agentId, { ...asked, after }, { signal, timeoutMs: WAIT_MS + ANSWER_MS });
      if (signal.aborted) return;
      if (news._tag === "Lines") {
        ({ cursor: after, isEnd } = news);
        [hadAnswer, isOut] = [true, false];
        yield news;
        continue;
      }
      const mayCome = follow && hadAnswer && isPassing(news);
      if (!mayCome || !isOut) yield news;
      if (!mayCome) return;
      isOut = true;
      await pause(clock, AGAIN_MS, signal);
    }
  } finally {
    if (!isEnd && hadAnswer) {
      const bye = writeDocument({ ...asked, after, ends: true });
      await store.request(logsSubject(agentId), bye, { timeoutMs: END_MS });
    }
  }
}

/** Whether it can be otherwise a moment later with nobody doing anything. */
const isPassing = (news: Exclude<LogNews, Lines>): boolean =>
  (news._tag === "Unreachable" && news.reason !== "Denied" && news.reason !== "NoBucket") ||
  (news._tag === "NoAnswer" && !news.isFinal) ||
  (news._tag === "Refused" && (news.reason === "Busy" || news.reason === "NotThere"));

async function ask(store: Store, agentId: AgentId, request: LogRequest, call: CallOptions): Promise<LogNews> {
  const reply = await store.request(logsSubject(agentId), writeDocument(request), call);
  if (reply._tag === "NobodyThere") return nobody(store, agentId, call);
  if (reply._tag === "Unreachable") {
    if (reply.reason !== "TimedOut" || call.signal?.aborted === true) return reply;
    const message = `agent ${agentId} has not answered in time`;
    return {
      _tag: "NoAnswer",
      message,
      next: `harmony status ${agentId} tells when it was last seen.`,
      isFinal: false,
    };
  }
  const read = readDocument(LogReply, reply.value);
  return read._tag === "Read"
    ? read.document
    : { _tag: "Unreadable", message: `the answer of agent ${agentId} cannot be read: ${read.message}` };
}

/** One that is of an older version is there and listens to other questions alone. */
async function nobody(store: Store, agentId: AgentId, call: CallOptions): Promise<LogNews> {
  const seen =
    `harmony status ${agentId} tells when it was last seen. If that is now, the server was set up by an older harmony: ` +
    "its configuration has to be made anew.";
  const gone = {
    _tag: "NoAnswer",
    message: `agent ${agentId} is not connected to the server`,
    next: seen,
    isFinal: false,
  } as const;
  const found = await store.get("capabilities", agentId, call);
  if (found._tag !== "Value") return gone;
  const read = readDocument(CapabilitiesDocument, found.value);
  // What a pair answers is said by its members.
  if (read._tag !== "Read" || read.document.members !== undefined) return gone;
  if (read.document.answers?.includes("logs") === true) return gone;
  return {
    _tag: "NoAnswer",
    message: `agent ${agentId} (${read.document.agentVersion}) answers no question for logs`,
    next: "It is of an older version: upgrade it, or look into the journal on the device.",
    isFinal: true,
  };
}
