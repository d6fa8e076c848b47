import { describe, expect, test } from "vitest";
import { MemoryServer } from "../../src/wire/memory-server.ts";
import { MemoryStore } from "../../src/wire/memory-store.ts";
import { storeContract } from "./store.contract.ts";

storeContract(
  "the memory store",
  async () => {
    const server = new MemoryServer();
    const clients: MemoryStore[] = [];
    const client = async (): Promise<MemoryStore> => {
      const store = new MemoryStore(server);
      clients.push(store);
      return store;
    };
    return {
      client,
      bare: async () => new MemoryStore(new MemoryServer({ buckets: false })),
      cut: async () => clients.forEach((store) => store.disconnect()),
      restore: async () => clients.forEach((store) => store.reconnect()),
      corruptAsset: async (sha256) => void server.assets.set(sha256, new Uint8Array([1])),
      stop: async () => {},
    };
  },
  { runs: 300 },
);
