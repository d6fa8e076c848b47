import { bytes, type AnyStore } from "./scene.ts";

const EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/** Each call of the port, in a form that would succeed on a healthy store. */
export const everyCall: Readonly<
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
  revisionAt: async (store, key, options) => store.revisionAt("desired-state", key, 1, options),
  putAsset: async (store, _, options) => store.putAsset(bytes("x"), options),
  getAsset: async (store, _, options) => store.getAsset("0".repeat(64), { ...options, limit: 10 }),
  findAsset: async (store, _, options) => store.findAsset("0".repeat(64), options),
  readAsset: async (store, _, options) => store.readAsset("0".repeat(64), { object: "none", at: 0, bytes: 0 }, options),
  streamAsset: async (store, _, options) =>
    store.streamAsset({ asset: EMPTY, size: 0 }, async function* () {}, { ...options, again: true }),
  removeAsset: async (store, _, options) => store.removeAsset("0".repeat(64), options),
  request: async (store, key, options) => store.request(`test.nobody.${key}`, bytes("x"), options),
  ensureBuckets: async (store, _, options) => store.ensureBuckets(options),
};
