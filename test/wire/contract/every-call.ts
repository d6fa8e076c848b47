import { bytes, type AnyStore } from "./scene.ts";

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
  putAsset: async (store, _, options) => store.putAsset(bytes("x"), options),
  getAsset: async (store, _, options) => store.getAsset("0".repeat(64), { ...options, limit: 10 }),
  request: async (store, key, options) => store.request(`test.nobody.${key}`, bytes("x"), options),
  ensureBuckets: async (store, _, options) => store.ensureBuckets(options),
};
