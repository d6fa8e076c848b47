import { describe, expect, test } from "vitest";
import { recorder } from "../recorder.ts";
import { everyCall } from "./every-call.ts";
import { bytes, comparable, freshKey, revisionOf, settled, storedAs, until, type Scene } from "./scene.ts";

const disconnected = { _tag: "Unreachable", reason: "Disconnected" };
const abortedSignal = AbortSignal.abort();

/** How calls end that cannot succeed: by their bounds, without a connection, without buckets, after `close`. */
export function endingContract({ client, bare, rig }: Scene): void {
  describe("the bounds of a call", () => {
    test.each(Object.entries(everyCall))("%s ends when its signal has fired, without effect", async (_, call) => {
      const store = await client();
      const key = freshKey();
      const answer = await call(store, key, { signal: abortedSignal });
      expect(answer).toMatchObject({ _tag: "Unreachable", reason: "TimedOut" });
      expect(await store.get("heartbeat", key)).toEqual({ _tag: "Absent" });
    });

    test.each(Object.entries(everyCall))("%s that may take no time at all ends at once", async (_, call) => {
      const store = await client();
      for (const timeoutMs of [0, -1]) {
        const answer = await call(store, freshKey(), { timeoutMs });
        expect(answer).toMatchObject({ _tag: "Unreachable", reason: "TimedOut" });
      }
    });

    test("a call may have all the time in the world", async () => {
      const [server, asker] = [await client(), await client()];
      const subject = `test.slow.${freshKey()}`;
      server.serve(subject, async (request) => {
        await new Promise((resolve) => setTimeout(resolve, 20));
        return request;
      });
      await settled(server);
      const reply = await asker.request(subject, bytes("1"), { timeoutMs: Infinity });
      expect(comparable(reply)).toEqual({ _tag: "Reply", value: bytes("1") });
    });

    test("a request that nobody answers ends by its deadline, and by its signal", async () => {
      const [server, asker] = [await client(), await client()];
      const subject = `test.never.${freshKey()}`;
      const asked = recorder<string>();
      server.serve(subject, async () => {
        asked.tell("asked");
        return new Promise<never>(() => {});
      });
      await settled(server);
      const timedOut = await asker.request(subject, bytes(""), { timeoutMs: 50 });
      expect(timedOut).toMatchObject({ _tag: "Unreachable", reason: "TimedOut" });
      const caller = new AbortController();
      const givenUp = asker.request(subject, bytes(""), { signal: caller.signal, timeoutMs: 600_000 });
      await asked.until(() => asked.all.length === 2);
      caller.abort();
      expect(await givenUp).toMatchObject({ _tag: "Unreachable", reason: "TimedOut" });
    });
  });

  describe("a lost connection", () => {
    test("calls say so, watchers are poked and listeners told when it is back, and serving goes on", async () => {
      const [store, other] = [await client(), await client()];
      const key = freshKey();
      const revision = revisionOf(await other.put("desired-state", key, bytes("1")));
      const subject = `test.back.${freshKey()}`;
      store.serve(subject, async (request) => request);
      const states = recorder<string>();
      store.onConnection(states.tell);
      expect(states.all).toEqual(["connected"]);
      const [one, all] = [recorder<string>(), recorder<string>()];
      store.onChange("desired-state", key, one.tell);
      store.onChange("desired-state", "*", all.tell);

      await rig().cut();
      await states.until((state) => state === "disconnected");
      for (const call of Object.values(everyCall)) {
        expect(await call(store, key, {})).toMatchObject(disconnected);
      }
      await rig().restore();
      await states.until(() => states.all.length >= 3);
      expect(states.all).toEqual(["connected", "disconnected", "connected"]);
      expect(await one.until(() => true)).toBe(key);
      expect(await all.until(() => true)).toBe("*");
      expect(comparable(await store.get("desired-state", key))).toEqual({
        _tag: "Value",
        value: bytes("1"),
        revision,
      });

      await until(async () => (await other.put("desired-state", key, bytes("2")))._tag === "Written");
      await one.until(() => one.all.length === 2);
      expect(await other.request(subject, bytes("still there?"))).toMatchObject({ _tag: "Reply" });
    });
  });

  describe("close", () => {
    test("flushes what is under way, and everything is Unreachable from then on", async () => {
      const [store, other] = [await client(), await client()];
      const key = freshKey();
      const pokes = recorder<string>();
      store.onChange("heartbeat", key, pokes.tell);
      const states = recorder<string>();
      store.onConnection(states.tell);
      await settled(store);
      const underWay = store.put("heartbeat", key, bytes("1"));
      const closing = Promise.all([store.close(), store.close()]);
      expect(await store.put("heartbeat", key, bytes("too late"))).toMatchObject(disconnected);
      await closing;
      expect(await underWay).toMatchObject({ _tag: "Written" });
      expect(states.all).toEqual(["connected", "disconnected"]);
      const before = pokes.all.length;
      for (const call of Object.values(everyCall)) {
        expect(await call(store, key, {})).toMatchObject(disconnected);
      }
      await other.put("heartbeat", key, bytes("2"));
      await settled(other);
      expect(pokes.all).toHaveLength(before);
      await store.close();
    });

    test("ends a request that is still waiting", async () => {
      const [server, asker] = [await client(), await client()];
      const subject = `test.waits.${freshKey()}`;
      const asked = recorder<string>();
      server.serve(subject, async () => {
        asked.tell("asked");
        return new Promise<never>(() => {});
      });
      await settled(server);
      const waiting = asker.request(subject, bytes(""), { timeoutMs: 600_000 });
      await asked.until(() => true);
      await asker.close();
      expect(await waiting).toMatchObject(disconnected);
    });
  });

  describe("ensureBuckets", () => {
    test("before it, calls say that there is no bucket; after it, they work; again, it keeps what is there", async () => {
      const store = await bare();
      const calls = Object.entries(everyCall).filter(([call]) => !["request", "ensureBuckets"].includes(call));
      for (const [, call] of calls) {
        expect(await call(store, "a", {})).toMatchObject({ _tag: "Unreachable", reason: "NoBucket" });
      }
      const both = await Promise.all([store.ensureBuckets(), store.ensureBuckets()]);
      expect(both).toEqual([{ _tag: "Ready" }, { _tag: "Ready" }]);
      const revision = revisionOf(await store.put("desired-state", "a", bytes("1")));
      const sha256 = storedAs(await store.putAsset(bytes("asset")));
      expect(await store.ensureBuckets()).toEqual({ _tag: "Ready" });
      expect(comparable(await store.get("desired-state", "a"))).toEqual({
        _tag: "Value",
        value: bytes("1"),
        revision,
      });
      expect(await store.getAsset(sha256, { limit: 100 })).toMatchObject({ _tag: "Value" });
    });
  });
}
