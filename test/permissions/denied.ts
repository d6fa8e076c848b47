import { AGENT } from "../agent/support/manifests.ts";
import { ALL_BUCKETS, BUCKETS } from "../../src/wire/store.ts";
import { OTHER, PAIR, STREAMS, type User } from "./scene.ts";

/** Something that a user tries and may not get. */
export type Denied = { readonly by: User; readonly what: string } & (
  | { readonly _tag: "Publish"; readonly subject: string; readonly payload: string }
  | { readonly _tag: "Subscribe"; readonly subject: string; readonly queue?: string }
  /** The request itself is allowed; what must not happen is that its answer is written where `reply` says. */
  | { readonly _tag: "Reply"; readonly subject: string; readonly payload: string; readonly reply: string }
  /** The subject is allowed, and its body asks for something else. */
  | { readonly _tag: "Body"; readonly subject: string; readonly payload: string }
  /** A write of the own key with a header that reaches further. */
  | { readonly _tag: "Header"; readonly subject: string; readonly name: string; readonly value: string }
);

const publish = (by: User, subject: string, payload: unknown = ""): Denied => {
  const text = typeof payload === "string" ? payload : JSON.stringify(payload);
  return {
    _tag: "Publish",
    by,
    what: `publish ${subject}${text === "" ? "" : ` ${text.slice(0, 80)}`}`,
    subject,
    payload: text,
  };
};
const subscribe = (by: User, subject: string): Denied => ({
  _tag: "Subscribe",
  by,
  what: `subscribe ${subject}`,
  subject,
});

const ownEvents = `harmony.events.${AGENT}`;
const otherEvents = `harmony.events.${OTHER}`;
const READING_EVENTS = "$JS.API.DIRECT.GET.harmony-events";

/** Reading what agents told, by any way that a server knows. */
const readingEvents = (by: User): readonly Denied[] => [
  publish(by, READING_EVENTS, { seq: 1 }),
  publish(by, READING_EVENTS, { last_by_subj: "harmony.events.>" }),
  publish(by, `${READING_EVENTS}.${ownEvents}`),
  publish(by, `${READING_EVENTS}.${otherEvents}`),
  publish(by, `${READING_EVENTS}.harmony.events.>`),
  publish(by, "$JS.API.STREAM.MSG.GET.harmony-events", { seq: 1 }),
];

const READING_REVISIONS = "$JS.API.DIRECT.GET.KV_desired-state";

const own = (bucket: string): string => `$KV.${bucket}.${AGENT}`;
const others = (bucket: string): string => `$KV.${bucket}.${OTHER}`;
const directGet = (bucket: string, subject: string): string => `$JS.API.DIRECT.GET.KV_${bucket}.${subject}`;

/** Looking into a stream by other ways than the last message of an own subject. */
const readingAround = (by: User): readonly Denied[] =>
  ALL_BUCKETS.flatMap((bucket) => [
    publish(by, `$JS.API.DIRECT.GET.KV_${bucket}`, { seq: 2 }),
    publish(by, `$JS.API.DIRECT.GET.KV_${bucket}`, { last_by_subj: others(bucket) }),
    publish(by, `$JS.API.DIRECT.GET.KV_${bucket}`, { multi_last: [`$KV.${bucket}.>`] }),
    publish(by, directGet(bucket, `$KV.${bucket}.>`)),
    publish(by, `$JS.API.STREAM.MSG.GET.KV_${bucket}`, { last_by_subj: others(bucket) }),
  ]);

const DELIVERED = { deliver_policy: "all", ack_policy: "none" };
const consumers = (by: User, inbox: string): readonly Denied[] =>
  STREAMS.flatMap((stream) => [
    publish(by, `$JS.API.CONSUMER.CREATE.${stream}`, {
      stream_name: stream,
      config: { ...DELIVERED, deliver_subject: `${inbox}.x` },
    }),
    publish(by, `$JS.API.CONSUMER.CREATE.${stream}.taken`, {
      stream_name: stream,
      config: { ...DELIVERED, name: "taken" },
    }),
    publish(by, `$JS.API.CONSUMER.CREATE.${stream}.taken.${own("desired-state")}`, {
      stream_name: stream,
      config: { ...DELIVERED, name: "taken", filter_subject: own("desired-state") },
    }),
    publish(by, `$JS.API.CONSUMER.DURABLE.CREATE.${stream}.taken`, {
      stream_name: stream,
      config: { ...DELIVERED, durable_name: "taken" },
    }),
    publish(by, `$JS.API.CONSUMER.MSG.NEXT.${stream}.taken`, { batch: 10 }),
    publish(by, `$JS.API.CONSUMER.INFO.${stream}.taken`),
    publish(by, `$JS.API.CONSUMER.LIST.${stream}`),
    publish(by, `$JS.API.CONSUMER.NAMES.${stream}`),
    publish(by, `$JS.API.CONSUMER.DELETE.${stream}.taken`),
    publish(by, `$JS.API.CONSUMER.PAUSE.${stream}.taken`, { pause_until: "2099-01-01T00:00:00Z" }),
    publish(by, `$JS.API.CONSUMER.LEADER.STEPDOWN.${stream}.taken`),
  ]);

const administration = (by: User): readonly Denied[] => [
  ...STREAMS.flatMap((stream) => [
    publish(by, `$JS.API.STREAM.INFO.${stream}`),
    publish(by, `$JS.API.STREAM.PURGE.${stream}`),
    publish(by, `$JS.API.STREAM.DELETE.${stream}`),
    publish(by, `$JS.API.STREAM.UPDATE.${stream}`, { name: stream, subjects: ["gone"] }),
    publish(by, `$JS.API.STREAM.MSG.DELETE.${stream}`, { seq: 1 }),
    publish(by, `$JS.API.STREAM.SNAPSHOT.${stream}`, { deliver_subject: "x" }),
    publish(by, `$JS.API.STREAM.RESTORE.${stream}`),
    publish(by, `$JS.API.STREAM.LEADER.STEPDOWN.${stream}`),
    publish(by, `$JS.API.STREAM.PEER.REMOVE.${stream}`, { peer: "x" }),
  ]),
  publish(by, "$JS.API.STREAM.CREATE.MINE", { name: "MINE", subjects: ["mine"] }),
  publish(by, "$JS.API.STREAM.NAMES"),
  publish(by, "$JS.API.STREAM.LIST"),
  publish(by, "$JS.API.INFO"),
  publish(by, "$JS.API.META.LEADER.STEPDOWN"),
  publish(by, "$JS.ACK.KV_desired-state.taken.1.1.1.1.1"),
  publish(by, "$JS.FC.KV_desired-state.x.y"),
  publish(by, "$SYS.REQ.SERVER.PING"),
  publish(by, "$SYS.REQ.SERVER.PING.CONNZ"),
  publish(by, "$SYS.REQ.ACCOUNT.EDGE.CONNZ"),
  publish(by, "$SYS.REQ.SERVER.RELOAD"),
];

const listening = (by: User): readonly Denied[] =>
  [
    ">",
    "*",
    "*.>",
    "_INBOX.>",
    "$KV.>",
    own("desired-state"),
    others("desired-state"),
    "$O.>",
    "$JS.>",
    "$JS.API.>",
    "$JS.EVENT.>",
    "$SYS.>",
    "fleet.>",
    "fleet.plan.*",
    "fleet.logs.*",
    "fleet.logs.>",
    "fleet.renew.*",
    `fleet.renew.${AGENT}`,
    `fleet.renew.${OTHER}`,
    "harmony.>",
    "harmony.events.*",
    ownEvents,
    otherEvents,
  ].map((subject) => subscribe(by, subject));

const INJECTED = [
  others("desired-state"),
  own("desired-state"),
  others("actual-state"),
  others("heartbeat"),
  others("capabilities"),
  otherEvents,
  `harmony.events.${PAIR}`,
  "$JS.API.STREAM.PURGE.KV_desired-state",
  "$JS.API.STREAM.DELETE.KV_desired-state",
];

/** By the reply subjects of allowed requests: the server itself would publish the answer there. */
const injections = (by: User, requests: readonly (readonly [subject: string, payload: string])[]): readonly Denied[] =>
  requests.flatMap(([subject, payload]) =>
    INJECTED.map((reply): Denied => ({
      _tag: "Reply",
      by,
      what: `${subject} answered to ${reply}`,
      subject,
      payload,
      reply,
    })),
  );

const TOLD = ["actual-state", "heartbeat", "capabilities"] as const;

const agent: readonly Denied[] = [
  ...BUCKETS.flatMap((bucket) => [
    publish("agent", directGet(bucket, others(bucket))),
    publish("agent", directGet(bucket, `$KV.${bucket}.*`)),
    publish("agent", others(bucket), "evil"),
    ...[{ seq: 2 }, { last_by_subj: others(bucket) }, { seq: 1, next_by_subj: others(bucket) }].map((body): Denied => ({
      _tag: "Body",
      by: "agent",
      what: `own ${bucket} asked for with ${JSON.stringify(body)}`,
      subject: directGet(bucket, own(bucket)),
      payload: JSON.stringify(body),
    })),
  ]),
  publish("agent", own("desired-state"), "evil"),
  // Roll-outs are the control plane's alone: there is no key of an agent's own, and none may be known of.
  ...[own("rollouts"), others("rollouts")].flatMap((subject) => [
    publish("agent", directGet("rollouts", subject)),
    publish("member", directGet("rollouts", subject)),
    publish("agent", subject, "evil"),
    publish("member", subject, "evil"),
  ]),
  publish("agent", directGet("rollouts", "$KV.rollouts.*")),
  subscribe("agent", `fleet.hint.rollouts.${AGENT}`),
  subscribe("agent", "fleet.hint.rollouts.*"),
  subscribe("agent", own("rollouts")),
  publish("agent", "fleet.info.KV_rollouts"),
  publish("agent", "$O.assets.C.x", "evil"),
  publish("agent", "$O.assets.M.x", "evil"),
  publish("agent", `_INBOX.${OTHER}.x`, "evil"),
  publish("agent", `_INBOX.${AGENT}.x`, "evil"),
  publish("agent", `fleet.hint.desired-state.${OTHER}`),
  publish("agent", `fleet.hint.desired-state.${AGENT}`),
  publish("agent", `fleet.plan.${OTHER}`, "{}"),
  publish("agent", `fleet.logs.${OTHER}`, "{}"),
  publish("agent", `fleet.logs.${AGENT}`, "{}"),
  publish("member", `fleet.logs.${PAIR}`, "{}"),
  subscribe("member", `fleet.logs.${AGENT}`),
  publish("agent", `fleet.renew.${OTHER}`, { ask: "look" }),
  publish("agent", "fleet.renew.*", { ask: "look" }),
  publish("agent", "fleet.info.KV_desired-state"),
  publish("agent", "anything"),
  publish("agent", otherEvents, "evil"),
  publish("agent", `harmony.events.${PAIR}`, "evil"),
  publish("agent", `${ownEvents}.more`, "evil"),
  publish("agent", "harmony.events.nobody", "evil"),
  ...readingEvents("agent"),
  subscribe("agent", `fleet.hint.events.${AGENT}`),
  subscribe("agent", `fleet.hint.events.${OTHER}`),
  ...readingAround("agent"),
  ...consumers("agent", `_INBOX.${AGENT}`),
  ...administration("agent"),
  ...listening("agent"),
  subscribe("agent", `_INBOX.${OTHER}.>`),
  subscribe("agent", "fleet.hint.>"),
  subscribe("agent", `fleet.hint.desired-state.${OTHER}`),
  subscribe("agent", "fleet.hint.*.*"),
  subscribe("agent", `fleet.plan.${OTHER}`),
  subscribe("agent", `fleet.logs.${OTHER}`),
  subscribe("agent", `fleet.logs.${PAIR}`),
  {
    _tag: "Subscribe",
    by: "agent",
    what: "subscribe fleet.logs of another in a queue",
    subject: `fleet.logs.${OTHER}`,
    queue: "q",
  },
  {
    _tag: "Subscribe",
    by: "agent",
    what: "subscribe fleet.plan of another in a queue",
    subject: `fleet.plan.${OTHER}`,
    queue: "q",
  },
  ...injections("agent", [
    ...BUCKETS.map((bucket) => [directGet(bucket, own(bucket)), ""] as const),
    ...TOLD.map((bucket) => [own(bucket), "evil"] as const),
    [ownEvents, "evil"],
    ["$JS.API.DIRECT.GET.OBJ_assets", '{"seq":1}'],
    [`fleet.renew.${AGENT}`, '{"ask":"look"}'],
  ]),
  {
    _tag: "Header",
    by: "agent",
    what: "a rollup of all events",
    subject: ownEvents,
    name: "Nats-Rollup",
    value: "all",
  },
  ...TOLD.flatMap((bucket): readonly Denied[] => [
    {
      _tag: "Header",
      by: "agent",
      what: `a rollup of all ${bucket}`,
      subject: own(bucket),
      name: "Nats-Rollup",
      value: "all",
    },
  ]),
];

const READ_BY_VIEWERS = [
  ...ALL_BUCKETS.map((bucket) => [directGet(bucket, others(bucket)), ""] as const),
  ["fleet.info.KV_desired-state", ""] as const,
];

const guest = (by: "author" | "viewer" | "dashboard"): readonly Denied[] => [
  ...TOLD.map((bucket) => publish(by, others(bucket), "evil")),
  // To the server, the last star of their grant also stands for this one; they may read every key anyway.
  ...readingAround(by)
    .filter(({ what }) => !what.endsWith(".>"))
    // But for the dashboard they read what desired states there have been.
    .filter(({ what }) => by === "dashboard" || !what.startsWith(`publish ${READING_REVISIONS} `)),
  ...consumers(by, "_INBOX.x"),
  ...administration(by),
  ...listening(by),
  subscribe(by, `_INBOX.${OTHER}.>`),
  publish(by, `_INBOX.${OTHER}.x`, "evil"),
  publish(by, `fleet.hint.desired-state.${OTHER}`),
  publish(by, `fleet.renew.${OTHER}`, { ask: "look" }),
  publish(by, "anything"),
  publish(by, otherEvents, "evil"),
  publish(by, `harmony.events.${PAIR}`, "evil"),
];
const reader = (by: "viewer" | "dashboard"): readonly Denied[] => [
  publish(by, others("desired-state"), "evil"),
  publish(by, others("rollouts"), "evil"),
  publish(by, "$O.assets.C.x", "evil"),
  publish(by, "$O.assets.M.x", "evil"),
  publish(by, `fleet.plan.${OTHER}`, "{}"),
  // A log is for those who may write what logs.
  publish(by, `fleet.logs.${OTHER}`, "{}"),
  publish(by, `fleet.logs.${PAIR}`, "{}"),
  ...injections(by, READ_BY_VIEWERS),
];

/** The keys of a pair are its members', and a member has no more than these and its own. */
const pair: readonly Denied[] = [
  ...BUCKETS.flatMap((bucket) => [
    publish("agent", directGet(bucket, `$KV.${bucket}.${PAIR}`)),
    publish("agent", `$KV.${bucket}.${PAIR}`, "evil"),
    subscribe("agent", `fleet.hint.${bucket}.${PAIR}`),
    publish("member", directGet(bucket, others(bucket))),
    publish("member", others(bucket), "evil"),
  ]),
  publish("member", `$KV.desired-state.${PAIR}`, "evil"),
  publish("member", `harmony.events.${PAIR}`, "evil"),
  publish("member", otherEvents, "evil"),
  subscribe("agent", `fleet.plan.${PAIR}`),
  publish("member", `fleet.renew.${PAIR}`, { ask: "look" }),
  subscribe("member", `_INBOX.${PAIR}.>`),
  subscribe("member", "fleet.hint.>"),
];

/** Everything that is tried on each server. */
export const DENIED: readonly Denied[] = [
  ...agent,
  ...pair,
  ...guest("author"),
  ...guest("viewer"),
  ...reader("viewer"),
  ...injections("viewer", [
    [READING_EVENTS, '{"seq":1}'],
    [READING_REVISIONS, '{"seq":1}'],
  ]),
  ...guest("dashboard"),
  ...reader("dashboard"),
  publish("dashboard", "$JS.API.DIRECT.GET.OBJ_assets", { seq: 1 }),
  ...readingEvents("dashboard"),
  publish("dashboard", READING_REVISIONS, { seq: 1 }),
  publish("agent", READING_REVISIONS, { seq: 1 }),
  publish("agent", READING_REVISIONS, { seq: 1, next_by_subj: `$KV.desired-state.${AGENT}` }),
  publish("member", READING_REVISIONS, { seq: 1, next_by_subj: `$KV.desired-state.${PAIR}` }),
  publish("dashboard", "$JS.API.DIRECT.GET.OBJ_assets.$O.assets.M.x"),
];
