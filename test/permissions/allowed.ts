import { AGENT } from "../agent/support/manifests.ts";
import { eventually } from "../agent/support/eventually.ts";
import { ALL_BUCKETS, BUCKETS, type Bucket } from "../../src/wire/store.ts";
import { bytes, MEMBER, OTHER, PAIR, type Scene, type User } from "./scene.ts";

/** Something that a user has to be able to do. `isSo` gives true, or what came instead. */
export interface Allowed {
  readonly by: User;
  readonly what: string;
  readonly isSo: (scene: Scene) => Promise<unknown>;
}

const TOLD = ["actual-state", "heartbeat", "capabilities"] as const;

const reads = (by: User, id: typeof AGENT, buckets: readonly Bucket[] = BUCKETS): readonly Allowed[] =>
  buckets.map((bucket) => ({
    by,
    what: `reads ${bucket} of ${id}`,
    isSo: async (scene) => {
      const found = await (await scene.store(by)).get(bucket, id);
      return found._tag === "Value" || found;
    },
  }));

const lists = (by: User): readonly Allowed[] =>
  ALL_BUCKETS.map((bucket) => ({
    by,
    what: `lists the keys of ${bucket}`,
    isSo: async (scene) => {
      const keys = await (await scene.store(by)).keys(bucket);
      return ("length" in keys && [AGENT, OTHER].every((id) => keys.includes(id))) || keys;
    },
  }));

const readsAnAsset = (by: User): Allowed => ({
  by,
  what: "reads an asset",
  isSo: async (scene) => {
    const found = await (await scene.store(by)).getAsset(scene.asset, { limit: 1000 });
    return found._tag === "Value" || found;
  },
});

const findsTheBuckets = (by: User): Allowed => ({
  by,
  what: "finds the buckets ready",
  isSo: async (scene) => {
    const ready = await (await scene.store(by)).ensureBuckets();
    return ready._tag === "Ready" || ready;
  },
});

/** `says` writes to the key of which `by` hears. */
const isPoked = (by: User, key: "desired-state" | "heartbeat of any agent", says: User): Allowed => ({
  by,
  what: `hears of a write to ${key}`,
  isSo: async (scene) => {
    const [bucket, id] = key === "desired-state" ? (["desired-state", AGENT] as const) : (["heartbeat", "*"] as const);
    const heard: string[] = [];
    const stop = (await scene.store(by)).onChange(bucket, id, (poke) => heard.push(poke));
    // Until the server knows of the subscription.
    await (await scene.store(by)).get("heartbeat", AGENT);
    const before = heard.length;
    await (await scene.store(says)).put(bucket, AGENT, bytes("new"));
    await eventually("the poke", () => heard.length > before);
    stop();
    return true;
  },
});

const writes = (by: User, buckets: readonly Bucket[]): readonly Allowed[] =>
  buckets.flatMap((bucket) => [
    {
      by,
      what: `writes ${bucket} by compare-and-set`,
      isSo: async (scene: Scene) => {
        const store = await scene.store(by);
        const found = await store.get(bucket, AGENT);
        const expect = "revision" in found ? found.revision : 0;
        const written = await store.put(bucket, AGENT, bytes("new"), { expect });
        return written._tag === "Written" || written;
      },
    },
    {
      by,
      what: `is told that another write of ${bucket} came first`,
      isSo: async (scene: Scene) => {
        const written = await (await scene.store(by)).put(bucket, AGENT, bytes("late"), { expect: 1_000_000 });
        return written._tag === "Conflict" || written;
      },
    },
  ]);

const asks = (by: User, what: "plan" | "logs", of: "agent" | "member" = "agent"): Allowed => ({
  by,
  what: `gets an answer for ${what} of ${of === "agent" ? "an agent" : "a pair"}`,
  isSo: async (scene) => {
    const subject = `fleet.${what}.${of === "agent" ? AGENT : PAIR}`;
    const stop = (await scene.store(of)).serve(subject, (asked) => Promise.resolve(asked));
    await (await scene.store(of)).get("heartbeat", of === "agent" ? AGENT : PAIR);
    const reply = await (await scene.store(by)).request(subject, bytes("?"));
    stop();
    return reply._tag === "Reply" || reply;
  },
});

/** By the fleet's own process, which works with the rights of the operator. */
const asksAboutItsKey: Allowed = {
  by: "agent",
  what: "is answered what it asks about its key, as itself",
  isSo: async (scene) => {
    const reply = await (await scene.store("agent")).request(`fleet.renew.${AGENT}`, bytes("?"));
    return (reply._tag === "Reply" && new TextDecoder().decode(reply.value) === `${AGENT} asks ?`) || reply;
  },
};

const readsRevisions = (by: User): Allowed => ({
  by,
  what: "reads what a desired-state key held before",
  isSo: async (scene) => {
    const operator = await scene.store("operator");
    for (const value of ["before", "now"]) await operator.put("desired-state", OTHER, bytes(value));
    const newest = await operator.get("desired-state", OTHER);
    const at = "revision" in newest ? newest.revision - 1 : 0;
    const found = await (await scene.store(by)).revisionAt("desired-state", OTHER, at);
    return (found._tag === "Revision" && new TextDecoder().decode(found.value ?? bytes("")) === "before") || found;
  },
});

const storesAnAsset = (by: User): Allowed => ({
  by,
  what: "stores an asset",
  isSo: async (scene) => {
    const store = await scene.store(by);
    const stored = await store.putAsset(new Uint8Array(600_000).fill(by.length));
    if (stored._tag !== "Stored") return stored;
    const found = await store.getAsset(stored.sha256, { limit: 1_000_000 });
    return found._tag === "Value" || found;
  },
});

/** What a member needs of its pair's keys besides reading them. */
const holdsAPair = (bucket: (typeof TOLD)[number]): Allowed => ({
  by: "member",
  what: `writes ${bucket} of its pair, and hears of it where it follows`,
  isSo: async (scene) => {
    const store = await scene.store("member");
    const heard: string[] = [];
    const stop = bucket === "actual-state" ? () => {} : store.onChange(bucket, PAIR, (poke) => heard.push(poke));
    const found = await store.get(bucket, PAIR);
    const before = heard.length;
    const written = await store.put(bucket, PAIR, bytes("new"), { expect: "revision" in found ? found.revision : 0 });
    if (bucket !== "actual-state") await eventually("the poke", () => heard.length > before);
    stop();
    return written._tag === "Written" || written;
  },
});

const tellsAnEvent = (by: "agent" | "member", id: typeof AGENT): Allowed => ({
  by,
  what: `tells an event of ${id}, once`,
  isSo: async (scene) => {
    const store = await scene.store(by);
    const first = await store.tellEvent(id, bytes("an event"), `told-${id}`);
    const again = await store.tellEvent(id, bytes("an event"), `told-${id}`);
    if (first._tag !== "Told" || again._tag !== "Told") return [first, again];
    return (first.isNew && !again.isNew && first.position === again.position) || [first, again];
  },
});

const readsEvents = (by: User): Allowed => ({
  by,
  what: "reads the events of all agents, and hears of a new one",
  isSo: async (scene) => {
    const store = await scene.store(by);
    const found = await Promise.all([
      store.eventAt(AGENT, 1),
      store.eventAt(OTHER, 1),
      store.lastEvent(OTHER),
      store.lastEvent("*"),
    ]);
    if (found.some(({ _tag }) => _tag !== "Event")) return found;
    let heard = 0;
    const stop = store.onEvent("*", () => (heard += 1));
    await store.get("heartbeat", AGENT);
    const before = heard;
    await (await scene.store("agent")).tellEvent(AGENT, bytes("news"), `news-for-${by}`);
    await eventually("the poke", () => heard > before);
    stop();
    return true;
  },
});

/** Everything that has to work on each server. */
export const ALLOWED: readonly Allowed[] = [
  ...reads("agent", AGENT),
  ...writes("agent", TOLD),
  readsAnAsset("agent"),
  asksAboutItsKey,
  tellsAnEvent("agent", AGENT),
  tellsAnEvent("member", MEMBER),
  ...reads("member", PAIR),
  ...TOLD.map(holdsAPair),
  isPoked("agent", "desired-state", "author"),
  ...(["operator", "author", "viewer", "dashboard"] as const).flatMap((by) => [
    ...reads(by, OTHER, ALL_BUCKETS),
    ...lists(by),
    findsTheBuckets(by),
    isPoked(by, "heartbeat of any agent", "agent"),
  ]),
  ...(["operator", "author"] as const).flatMap((by) => [
    readsAnAsset(by),
    ...writes(by, ["desired-state", "rollouts"]),
    asks(by, "plan"),
    asks(by, "logs"),
    asks(by, "logs", "member"),
    storesAnAsset(by),
  ]),
  readsAnAsset("viewer"),
  ...(["operator", "author", "viewer"] as const).flatMap((by) => [readsEvents(by), readsRevisions(by)]),
  {
    by: "viewer",
    what: "does not list a key that was deleted",
    isSo: async (scene) => {
      const operator = await scene.store("operator");
      await operator.put("heartbeat", "gone", bytes("x"));
      await operator.delete("heartbeat", "gone");
      const keys = await (await scene.store("viewer")).keys("heartbeat");
      return ("length" in keys && !keys.includes("gone")) || keys;
    },
  },
];
