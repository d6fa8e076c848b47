import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import type { Bucket, Store, StoreAdmin, Unreachable } from "../../src/wire/store.ts";
import { recorder } from "./recorder.ts";

export type AnyStore = Store & StoreAdmin;

/** One implementation of the port, with a server that its stores share. */
export interface StoreRig {
  /** One more store on the shared server, whose buckets exist. The suite closes it. */
  client(): Promise<AnyStore>;
  /** A store on a fresh server, where nothing was made yet. The suite closes it. */
  bare(): Promise<AnyStore>;
  /** Takes the connection of every client away; resolves once it is gone. */
  cut(): Promise<void>;
  /** Lets the clients find their way back. */
  restore(): Promise<void>;
  /** Changes the stored bytes of an asset behind the back of the port. */
  corruptAsset(sha256: string): Promise<void>;
  stop(): Promise<void>;
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const plain = (value: Uint8Array): Uint8Array => Uint8Array.from(value);
const disconnected = { _tag: "Unreachable", reason: "Disconnected" };
const abortedSignal = AbortSignal.abort();

let lastKey = 0;
/** A key that no other test uses. */
const freshKey = (): string => `key-${(lastKey += 1)}`;

/** The sentences of `src/wire/store.ts`, one after the other. `runs`: how many random histories are tried. */
export function storeContract(name: string, start: () => Promise<StoreRig>, { runs }: { readonly runs: number }): void {
  describe(name, () => {
    let rig: StoreRig;
    beforeAll(async () => {
      rig = await start();
    });
    afterAll(() => rig.stop());

    const client = async (): Promise<AnyStore> => closedAtTheEnd(await rig.client());
    const bare = async (): Promise<AnyStore> => closedAtTheEnd(await rig.bare());

    describe("get, put, delete", () => {
      test("a key that was never written is Absent", async () => {
        const store = await client();
        expect(await store.get("heartbeat", freshKey())).toEqual({ _tag: "Absent" });
      });

      test("a value can be read by another client, at the revision that the write told", async () => {
        const [writer, reader] = [await client(), await client()];
        const key = freshKey();
        const written = await writer.put("heartbeat", key, bytes("hello"));
        const revision = revisionOf(written);
        expect(revision).toBeGreaterThan(0);
        expect(comparable(await reader.get("heartbeat", key))).toEqual({
          _tag: "Value",
          value: bytes("hello"),
          revision,
        });
      });

      test("an empty value is a value", async () => {
        const store = await client();
        const key = freshKey();
        const revision = revisionOf(await store.put("heartbeat", key, bytes("")));
        expect(comparable(await store.get("heartbeat", key))).toEqual({ _tag: "Value", value: bytes(""), revision });
      });

      test("the same key in another bucket is another key", async () => {
        const store = await client();
        const key = freshKey();
        await store.put("heartbeat", key, bytes("1"));
        expect(await store.get("capabilities", key)).toEqual({ _tag: "Absent" });
      });

      test("a deleted key is Deleted, at a revision of its own", async () => {
        const store = await client();
        const key = freshKey();
        const first = revisionOf(await store.put("heartbeat", key, bytes("1")));
        const revision = revisionOf(await store.delete("heartbeat", key));
        expect(revision).toBeGreaterThan(first);
        expect(await store.get("heartbeat", key)).toEqual({ _tag: "Deleted", revision });
      });

      test("deleting a key that never was leaves a marker too", async () => {
        const store = await client();
        const key = freshKey();
        const revision = revisionOf(await store.delete("heartbeat", key));
        expect(await store.get("heartbeat", key)).toEqual({ _tag: "Deleted", revision });
      });

      test("what is no key reaches no server", async () => {
        const store = await client();
        for (const key of ["", "*", ">", "a.b", "a b", "a\r\nPUB x 0\r\n"]) {
          expect(await store.get("heartbeat", key)).toMatchObject({ _tag: "Unreachable", reason: "Failed" });
          expect(await store.put("heartbeat", key, bytes("x"))).toMatchObject({ reason: "Failed" });
          expect(await store.delete("heartbeat", key)).toMatchObject({ reason: "Failed" });
        }
        expect(() => store.onChange("heartbeat", "a.b", () => {})).toThrow(TypeError);
      });
    });

    describe("compare-and-set", () => {
      test("without `expect` a write replaces whatever is there", async () => {
        const store = await client();
        const key = freshKey();
        const first = revisionOf(await store.put("heartbeat", key, bytes("1")));
        const second = revisionOf(await store.put("heartbeat", key, bytes("2")));
        expect(second).toBeGreaterThan(first);
      });

      test("at the expected revision it writes, at any other it is a Conflict that changes nothing", async () => {
        const store = await client();
        const key = freshKey();
        const first = revisionOf(await store.put("heartbeat", key, bytes("1")));
        const revision = revisionOf(await store.put("heartbeat", key, bytes("2"), { expect: first }));
        expect(await store.put("heartbeat", key, bytes("3"), { expect: first })).toEqual({ _tag: "Conflict" });
        expect(await store.put("heartbeat", key, bytes("3"), { expect: 0 })).toEqual({ _tag: "Conflict" });
        expect(comparable(await store.get("heartbeat", key))).toEqual({ _tag: "Value", value: bytes("2"), revision });
      });

      test("a revision is not expected where a key never was", async () => {
        const store = await client();
        const key = freshKey();
        expect(await store.put("heartbeat", key, bytes("1"), { expect: 1 })).toEqual({ _tag: "Conflict" });
        expect(await store.get("heartbeat", key)).toEqual({ _tag: "Absent" });
      });

      test("`expect: 0` writes where a key never was, and where it was deleted", async () => {
        const store = await client();
        const key = freshKey();
        expect(await store.put("heartbeat", key, bytes("1"), { expect: 0 })).toMatchObject({ _tag: "Written" });
        await store.delete("heartbeat", key);
        expect(await store.put("heartbeat", key, bytes("2"), { expect: 0 })).toMatchObject({ _tag: "Written" });
        expect(await store.put("heartbeat", key, bytes("3"), { expect: 0 })).toEqual({ _tag: "Conflict" });
      });

      test("the revision of a deletion marker can be expected", async () => {
        const store = await client();
        const key = freshKey();
        const marker = revisionOf(await store.delete("heartbeat", key));
        expect(await store.put("heartbeat", key, bytes("1"), { expect: marker })).toMatchObject({ _tag: "Written" });
      });

      test("of many writers at one revision, one wins", async () => {
        const stores = [await client(), await client()];
        const key = freshKey();
        const expected = revisionOf(await stores[0]!.put("heartbeat", key, bytes("0")));
        const writes = Array.from({ length: 20 }, async (_, index) =>
          stores[index % 2]!.put("heartbeat", key, bytes(String(index)), { expect: expected }),
        );
        const tags = (await Promise.all(writes)).map(({ _tag }) => _tag);
        expect(tags.filter((tag) => tag === "Written")).toHaveLength(1);
        expect(tags.filter((tag) => tag === "Conflict")).toHaveLength(19);
      });
    });

    describe("maxPayload", () => {
      test("a value of that size is stored and read back, one byte more is TooLarge and is not", async () => {
        const store = await client();
        const [key, other] = [freshKey(), freshKey()];
        const limit = store.maxPayload();
        const largest = new Uint8Array(limit).fill(7);
        expect(await store.put("desired-state", key, largest, { expect: 0 })).toMatchObject({ _tag: "Written" });
        const found = await store.get("desired-state", key);
        expect(found._tag === "Value" && Buffer.compare(found.value, largest)).toBe(0);
        const tooLarge = await store.put("desired-state", other, new Uint8Array(limit + 1));
        expect(tooLarge).toEqual({ _tag: "TooLarge", bytes: limit + 1, limit });
        expect(await store.get("desired-state", other)).toEqual({ _tag: "Absent" });
      });

      test("a request of that size gets through, one byte more does not", async () => {
        const [server, asker] = [await client(), await client()];
        const subject = `test.size.${freshKey()}`;
        server.serve(subject, async (request) => bytes(String(request.length)));
        const limit = asker.maxPayload();
        await until(async () => (await asker.request(subject, bytes("")))._tag === "Reply");
        const reply = await asker.request(subject, new Uint8Array(limit));
        expect(comparable(reply)).toEqual({ _tag: "Reply", value: bytes(String(limit)) });
        const refused = await asker.request(subject, new Uint8Array(limit + 1));
        expect(refused).toMatchObject({ _tag: "Unreachable", reason: "Failed" });
      });
    });

    describe("keys", () => {
      test("lists the keys with a live value", async () => {
        const store = await bare();
        await store.ensureBuckets();
        expect(await store.keys("actual-state")).toEqual([]);
        for (const key of ["a", "b", "c"]) await store.put("actual-state", key, bytes(key));
        await store.put("heartbeat", "elsewhere", bytes("x"));
        await store.delete("actual-state", "b");
        expect([...ok(await store.keys("actual-state"))].toSorted()).toEqual(["a", "c"]);
        await store.delete("actual-state", "a");
        await store.delete("actual-state", "c");
        expect(await store.keys("actual-state")).toEqual([]);
      });
    });

    describe("onChange", () => {
      test.each(["desired-state", "actual-state"] as const)(
        "a poke comes once the write can be read, in %s",
        async (bucket) => {
          const [writer, watcher] = [await client(), await client()];
          const key = freshKey();
          const pokes = recorder<number>();
          watcher.onChange(bucket, key, async () => {
            const found = await watcher.get(bucket, key);
            if (found._tag === "Value") pokes.tell(found.revision);
          });
          await settled(watcher);
          for (let round = 0; round < 30; round += 1) {
            const revision = revisionOf(await writer.put(bucket, key, bytes(String(round))));
            await pokes.until((seen) => seen >= revision);
          }
          expect(pokes.all).toHaveLength(30);
        },
      );

      test("it tells of one key alone, and `*` of all, with the key; deletions count", async () => {
        const [writer, watcher] = [await client(), await client()];
        const [mine, other] = [freshKey(), freshKey()];
        const [one, all] = [recorder<string>(), recorder<string>()];
        watcher.onChange("actual-state", mine, one.tell);
        watcher.onChange("actual-state", "*", all.tell);
        await settled(watcher);
        await writer.put("actual-state", other, bytes("1"));
        await writer.put("heartbeat", mine, bytes("1"));
        await writer.put("actual-state", mine, bytes("1"));
        await writer.delete("actual-state", mine);
        await all.until(() => all.all.length === 3);
        await one.until(() => one.all.length === 2);
        expect(all.all).toEqual([other, mine, mine]);
        expect(one.all).toEqual([mine, mine]);
      });

      test("a write that was refused pokes nobody", async () => {
        const [writer, watcher] = [await client(), await client()];
        const [key, fence] = [freshKey(), freshKey()];
        await writer.put("actual-state", key, bytes("1"));
        const all = recorder<string>();
        watcher.onChange("actual-state", "*", all.tell);
        await settled(watcher);
        expect(await writer.put("actual-state", key, bytes("2"), { expect: 0 })).toEqual({ _tag: "Conflict" });
        await writer.put("actual-state", fence, bytes("1"));
        expect(await all.until(() => true)).toBe(fence);
      });

      test("no poke comes after it was given up", async () => {
        const [writer, watcher] = [await client(), await client()];
        const key = freshKey();
        const [given, kept] = [recorder<string>(), recorder<string>()];
        const giveUp = watcher.onChange("actual-state", key, given.tell);
        watcher.onChange("actual-state", key, kept.tell);
        await settled(watcher);
        giveUp();
        await writer.put("actual-state", key, bytes("1"));
        await kept.until(() => true);
        expect(given.all).toEqual([]);
      });

      test("a poke that throws keeps nobody else from theirs", async () => {
        const [writer, watcher] = [await client(), await client()];
        const key = freshKey();
        const warned = recorder<string>();
        const onWarning = (warning: Error): void => warned.tell(warning.message);
        process.on("warning", onWarning);
        onTestFinished(() => void process.off("warning", onWarning));
        const pokes = recorder<string>();
        watcher.onChange("actual-state", key, () => {
          throw new Error("a bug of the listener");
        });
        watcher.onChange("actual-state", key, pokes.tell);
        await settled(watcher);
        await writer.put("actual-state", key, bytes("1"));
        await writer.put("actual-state", key, bytes("2"));
        await pokes.until(() => pokes.all.length === 2);
        expect(await warned.until(() => true)).toBe("a bug of the listener");
      });
    });

    describe("serve and request", () => {
      test("a request is answered until the handler is taken away", async () => {
        const [server, asker] = [await client(), await client()];
        const subject = `test.echo.${freshKey()}`;
        expect(await asker.request(subject, bytes("1"))).toEqual({ _tag: "NobodyThere" });
        const stop = server.serve(subject, async (request) => bytes(`${text(request)}!`));
        await settled(server);
        const replies = await Promise.all(["a", "b", "c"].map(async (body) => asker.request(subject, bytes(body))));
        expect(replies.map(comparable)).toEqual(
          ["a!", "b!", "c!"].map((body) => ({ _tag: "Reply", value: bytes(body) })),
        );
        stop();
        await settled(server);
        expect(await asker.request(subject, bytes("1"))).toEqual({ _tag: "NobodyThere" });
      });

      test("a handler that throws answers nothing, and goes on serving", async () => {
        const [server, asker] = [await client(), await client()];
        const subject = `test.throws.${freshKey()}`;
        server.serve(subject, async (request) => {
          if (text(request) === "throw") throw new Error("a bug of the handler");
          return request;
        });
        await settled(server);
        const silence = await asker.request(subject, bytes("throw"), { timeoutMs: 100 });
        expect(silence).toMatchObject({ _tag: "Unreachable", reason: "TimedOut" });
        expect(await asker.request(subject, bytes("go on"))).toMatchObject({ _tag: "Reply" });
      });

      test("a reply that is too large is no reply", async () => {
        const [server, asker] = [await client(), await client()];
        const subject = `test.large.${freshKey()}`;
        server.serve(subject, async () => new Uint8Array(2 * 1024 * 1024));
        await settled(server);
        const silence = await asker.request(subject, bytes(""), { timeoutMs: 100 });
        expect(silence).toMatchObject({ _tag: "Unreachable", reason: "TimedOut" });
      });

      test("a subject with a wildcard or white space is refused", async () => {
        const store = await client();
        for (const subject of ["", "a.*", "a.>", "a b", "a..b", "a\r\n"]) {
          expect(await store.request(subject, bytes(""))).toMatchObject({ _tag: "Unreachable", reason: "Failed" });
          expect(() => store.serve(subject, async (request) => request)).toThrow(TypeError);
        }
      });
    });

    describe("assets", () => {
      test.each([0, 1, 256 * 1024, 2_500_000])("%i bytes come back under their hash", async (size) => {
        const [writer, reader] = [await client(), await client()];
        const asset = Uint8Array.from({ length: size }, (_, index) => (index * 31 + size) % 256);
        const stored = ok(await writer.putAsset(asset));
        expect(stored.sha256).toMatch(/^[0-9a-f]{64}$/);
        const got = await reader.getAsset(stored.sha256, { limit: size });
        expect(got._tag === "Value" && Buffer.compare(got.value, asset)).toBe(0);
      });

      test("storing again is harmless, also at the same time", async () => {
        const stores = [await client(), await client()];
        const asset = bytes(`asset ${freshKey()}`);
        const first = await Promise.all(stores.map(async (store) => store.putAsset(asset)));
        const again = await stores[0]!.putAsset(asset);
        expect(new Set([...first, again].map((stored) => ok(stored).sha256)).size).toBe(1);
        const got = await stores[1]!.getAsset(ok(again).sha256, { limit: 1000 });
        expect(comparable(got)).toEqual({ _tag: "Value", value: asset });
      });

      test("an asset that never was is Absent", async () => {
        const store = await client();
        expect(await store.getAsset("0".repeat(64), { limit: 10 })).toEqual({ _tag: "Absent" });
      });

      test("more bytes than the limit are TooLarge", async () => {
        const store = await client();
        const { sha256 } = ok(await store.putAsset(new Uint8Array(1001).fill(3)));
        expect(await store.getAsset(sha256, { limit: 1000 })).toEqual({ _tag: "TooLarge", bytes: 1001, limit: 1000 });
      });

      test("bytes that do not have the hash are Corrupt, until it is stored again", async () => {
        const store = await client();
        const asset = bytes(`asset ${freshKey()}`);
        const { sha256 } = ok(await store.putAsset(asset));
        await rig.corruptAsset(sha256);
        expect(await store.getAsset(sha256, { limit: 1000 })).toMatchObject({ _tag: "Corrupt" });
        expect(await store.putAsset(asset)).toEqual({ _tag: "Stored", sha256 });
        const got = await store.getAsset(sha256, { limit: 1000 });
        expect(comparable(got)).toEqual({ _tag: "Value", value: asset });
      });
    });

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
        const answer = await call(store, freshKey(), { timeoutMs: 0 });
        expect(answer).toMatchObject({ _tag: "Unreachable", reason: "TimedOut" });
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

        await rig.cut();
        await states.until((state) => state === "disconnected");
        for (const call of Object.values(everyCall)) {
          expect(await call(store, key, {})).toMatchObject(disconnected);
        }
        await rig.restore();
        await states.until(() => states.all.length === 3);
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
        await Promise.all([store.close(), store.close()]);
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
        const { sha256 } = ok(await store.putAsset(bytes("asset")));
        expect(await store.ensureBuckets()).toEqual({ _tag: "Ready" });
        expect(comparable(await store.get("desired-state", "a"))).toEqual({
          _tag: "Value",
          value: bytes("1"),
          revision,
        });
        expect(await store.getAsset(sha256, { limit: 100 })).toMatchObject({ _tag: "Value" });
      });
    });

    test("random histories of two clients give what a simple model gives", async () => {
      const stores = [await client(), await client()] as const;
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 30 }), async (steps) => {
          const keys = [freshKey(), freshKey()] as const;
          // The revision of the bucket is where the history starts.
          const model = new Model(revisionOf(await stores[0].put("capabilities", freshKey(), bytes(""))));
          for (const { client: index, key, what } of steps) {
            const answer = await perform(stores[index], "capabilities", keys[key], what, model.expected(keys[key], what));
            expect(comparable(answer)).toEqual(model.perform(keys[key], what));
          }
        }),
        { numRuns: runs },
      );
    });
  });
}

/** Each call of the port, in a form that would succeed on a healthy store. */
const everyCall: Readonly<
  Record<
    string,
    (store: AnyStore, key: string, options: { signal?: AbortSignal; timeoutMs?: number }) => Promise<unknown>
  >
> = {
  get: async (store, key, options) => store.get("heartbeat", key, options),
  put: async (store, key, options) => store.put("heartbeat", key, bytes("x"), options),
  create: async (store, key, options) => store.put("heartbeat", key, bytes("x"), { ...options, expect: 0 }),
  delete: async (store, key, options) => store.delete("heartbeat", key, options),
  keys: async (store, _, options) => store.keys("heartbeat", options),
  putAsset: async (store, _, options) => store.putAsset(bytes("x"), options),
  getAsset: async (store, _, options) => store.getAsset("0".repeat(64), { ...options, limit: 10 }),
  request: async (store, key, options) => store.request(`test.nobody.${key}`, bytes("x"), options),
  ensureBuckets: async (store, _, options) => store.ensureBuckets(options),
};

type What =
  | { readonly do: "get" | "delete" }
  | { readonly do: "put"; readonly value: Uint8Array; readonly expect: "nothing" | "latest" | "stale" | "none" };

const step = fc.record({
  client: fc.constantFrom(0, 1),
  key: fc.constantFrom(0, 1),
  what: fc.oneof(
    { weight: 1, arbitrary: fc.constant<What>({ do: "get" }) },
    { weight: 1, arbitrary: fc.constant<What>({ do: "delete" }) },
    {
      weight: 3,
      arbitrary: fc.record<What>({
        do: fc.constant("put"),
        value: fc.uint8Array({ maxLength: 8 }),
        expect: fc.constantFrom("nothing", "latest", "stale", "none"),
      }),
    },
  ),
});

/** What the port says of a bucket, in its simplest form. */
class Model {
  readonly #held = new Map<string, { readonly value: Uint8Array | undefined; readonly revision: number }>();
  #revision: number;

  constructor(revision: number) {
    this.#revision = revision;
  }

  expected(key: string, what: What): number | undefined {
    if (what.do !== "put" || what.expect === "nothing") return undefined;
    const at = this.#held.get(key)?.revision ?? 0;
    return what.expect === "latest" ? at : what.expect === "none" ? 0 : at + 1;
  }

  perform(key: string, what: What): unknown {
    const held = this.#held.get(key);
    if (what.do === "get") {
      if (held === undefined) return { _tag: "Absent" };
      return held.value === undefined ? { _tag: "Deleted", revision: held.revision } : { _tag: "Value", ...held };
    }
    const expected = this.expected(key, what);
    const live = held?.value !== undefined;
    if (expected !== undefined && !(expected === 0 ? !live : expected === held?.revision)) return { _tag: "Conflict" };
    this.#revision += 1;
    this.#held.set(key, { value: what.do === "put" ? what.value : undefined, revision: this.#revision });
    return { _tag: "Written", revision: this.#revision };
  }
}

async function perform(
  store: AnyStore,
  bucket: Bucket,
  key: string,
  what: What,
  expected: number | undefined,
): Promise<unknown> {
  if (what.do === "get") return store.get(bucket, key);
  return what.do === "delete" ? store.delete(bucket, key) : store.put(bucket, key, what.value, { expect: expected });
}

function closedAtTheEnd(store: AnyStore): AnyStore {
  onTestFinished(async () => store.close());
  return store;
}

/** Resolves once the server has seen all that this store has subscribed and given up so far. */
async function settled(store: Store): Promise<void> {
  const answer = await store.get("heartbeat", "settled");
  expect(answer._tag).not.toBe("Unreachable");
}

const text = (value: Uint8Array): string => new TextDecoder().decode(value);

/** Whether bytes come as a Buffer does not matter. */
function comparable(answer: unknown): unknown {
  if (!(answer instanceof Object) || !("value" in answer) || !(answer.value instanceof Uint8Array)) return answer;
  return { ...answer, value: plain(answer.value) };
}

function ok<T>(answer: T | Unreachable): Exclude<T, Unreachable> {
  if (answer instanceof Object && "_tag" in answer && answer._tag === "Unreachable") {
    throw new Error(`expected an answer, got ${JSON.stringify(answer)}`);
  }
  return answer as Exclude<T, Unreachable>;
}

function revisionOf(written: Awaited<ReturnType<Store["put"]>>): number {
  if (written._tag !== "Written") throw new Error(`expected a write, got ${JSON.stringify(written)}`);
  return written.revision;
}

async function until(happened: () => Promise<boolean>): Promise<void> {
  while (!(await happened())) await new Promise((resolve) => setTimeout(resolve, 20));
}
