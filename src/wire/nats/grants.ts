import { type AgentId, askedSubjects, renewSubject } from "../keys.ts";
import { ALL_BUCKETS, BUCKETS, type Bucket, ROLLOUTS } from "../store.ts";
import {
  ASSETS,
  ASSETS_STREAM,
  EVENTS_STREAM,
  eventSubject,
  hintSubject,
  infoSubject,
  keySubject,
  streamOf,
} from "./subjects.ts";

/** All that one user of a server may do; what is not in it is denied. Subjects as NATS writes them. */
export interface Grant {
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
  /** Whether it answers requests, each of them once and within a minute. */
  readonly responds: boolean;
}

/** Those who work from outside of the account of the streams, as agents do. */
export const GUESTS = ["author", "viewer", "dashboard"] as const;
/** `author` reads everything and ships, `viewer` reads everything, `dashboard` reads everything but the assets. */
export type Guest = (typeof GUESTS)[number];

/** What agents write, each under its own id. */
const TOLD: readonly Bucket[] = ["actual-state", "heartbeat", "capabilities"];

const reading = (bucket: Bucket, key: string): string =>
  `$JS.API.DIRECT.GET.${streamOf(bucket)}.${keySubject(bucket, key)}`;

/** Descriptions, then chunks. Which chunk is said in the request, so this reads every asset. */
const READING_ASSETS = [`$JS.API.DIRECT.GET.${ASSETS_STREAM}.$O.${ASSETS}.M.*`, `$JS.API.DIRECT.GET.${ASSETS_STREAM}`];
const WRITING_ASSETS = [`$O.${ASSETS}.C.*`, `$O.${ASSETS}.M.*`];

/** Something that the account of the streams answers: what it is called there, and in the account of whoever asks. */
export interface Service {
  readonly there: string;
  readonly here: string;
}
const direct = (subject: string): Service => ({ there: subject, here: subject });

/**
 * How a stream is set, and which keys it has. Under its own name the request would go to the JetStream of the asking
 * account, which has none.
 */
const infoOf = (stream: string): Service => ({
  there: `$JS.API.STREAM.INFO.${stream}`,
  here: infoSubject(stream),
});

/** Which event is said in the request, so this reads those of every agent. */
const READING_EVENTS = `$JS.API.DIRECT.GET.${EVENTS_STREAM}`;

/** What an agent may do with the keys of one id, its own or its pair's. */
const keyServices = (id: AgentId | "*"): readonly string[] => [
  ...BUCKETS.map((bucket) => reading(bucket, id)),
  ...TOLD.map((bucket) => keySubject(bucket, id)),
  ...READING_ASSETS,
];

/** What an agent may ask of the account of the streams; `*`: what agents may. */
export const agentServices = (id: AgentId | "*"): readonly string[] => [
  ...keyServices(id),
  renewSubject(id),
  eventSubject(id),
];

/** The pokes of every key. */
export const EVERY_HINT = hintSubject("*", "*");

/** Under this the answers to an agent come in, and nobody else's. */
export const agentInbox = (id: AgentId): string => `_INBOX.${id}`;

/** `pair`: the pair that it is a member of, whose keys it also reads and writes; null: none. */
export const agentGrant = (id: AgentId, pair: AgentId | null): Grant => ({
  // What a member does for its pair is on the record of its own device.
  publish: [...new Set([...agentServices(id), ...(pair === null ? [] : keyServices(pair))])],
  subscribe: [
    `${agentInbox(id)}.>`,
    hintSubject("desired-state", id),
    ...askedSubjects(id),
    ...(pair === null ? [] : [...PAIR_HINTS.map((bucket) => hintSubject(bucket, pair)), ...askedSubjects(pair)]),
  ],
  responds: true,
});

/** What a member of a pair hears of: its manifest, its lease, and what its members have in common. */
const PAIR_HINTS: readonly Bucket[] = ["desired-state", "heartbeat", "capabilities"];

const dashboardServices = [
  ...ALL_BUCKETS.map((bucket) => direct(reading(bucket, "*"))),
  ...[...ALL_BUCKETS.map(streamOf), ASSETS_STREAM].map(infoOf),
];
/** Which revision is said in the request, so this reads those of every agent. */
const READING_REVISIONS = `$JS.API.DIRECT.GET.${streamOf("desired-state")}`;
const viewerServices = [...dashboardServices, ...[...READING_ASSETS, READING_EVENTS, READING_REVISIONS].map(direct)];

/** What each of them may ask of the account of the streams. */
export const guestServices: Readonly<Record<Guest, readonly Service[]>> = {
  author: [
    ...viewerServices,
    ...[keySubject("desired-state", "*"), keySubject(ROLLOUTS, "*"), ...WRITING_ASSETS].map(direct),
  ],
  viewer: viewerServices,
  dashboard: dashboardServices,
};

/** `inbox`: under this the answers to this one user come in. */
export const guestGrant = (guest: Guest, inbox: string): Grant => ({
  publish: [...guestServices[guest].map(({ here }) => here), ...(guest === "author" ? askedSubjects("*") : [])],
  subscribe: [`${inbox}.>`, EVERY_HINT],
  responds: false,
});
