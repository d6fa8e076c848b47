import { onTestFinished } from "vitest";
import { DesiredState } from "../../../src/agent/desired-state.ts";
import type { Reading } from "../../../src/agent/status-document.ts";
import { FakeClock, settle } from "../../../src/testing/fake-clock.ts";
import type { DecodedManifest, Gate, InForce } from "../../../src/wire/decode.ts";
import { MemoryServer } from "../../../src/wire/memory-server.ts";
import { MemoryStore } from "../../../src/wire/memory-store.ts";
import type { Found, Unreachable } from "../../../src/wire/store.ts";
import { AGENT, envelopeOf, gate, probe, type Wanted } from "./manifests.ts";

/** Follows a key in memory; takes up what it is handed, as the agent does. */
export function follow({ inForce = null, ...trust }: { readonly inForce?: InForce | null } & Partial<Gate> = {}) {
  const server = new MemoryServer();
  const store = new MemoryStore(server);
  const operator = new MemoryStore(server);
  const clock = new FakeClock();
  const seen: (readonly [Reading, number])[] = [];
  const manifests: (readonly [DecodedManifest, number])[] = [];
  const logged: string[] = [];
  const state = { inForce, gets: 0, answers: [] as (Found | Unreachable)[], hints: true };
  const get = store.get.bind(store);
  const onChange = store.onChange.bind(store);
  store.get = async (...given) => {
    state.gets += 1;
    return state.answers.shift() ?? get(...given);
  };
  store.onChange = (bucket, key, poke) => onChange(bucket, key, (changed) => state.hints && poke(changed));
  const desired = new DesiredState({
    store,
    gate: { ...gate, ...trust },
    clock,
    log: (message) => void logged.push(message),
    random: () => 0.5,
    inForce: () => state.inForce,
    onManifest: (manifest, accepted) => {
      state.inForce = accepted;
      manifests.push([manifest, accepted.revision]);
    },
    onReading: (reading, revision) => void seen.push([reading, revision]),
  });
  onTestFinished(() => desired.stop());
  const put = async (value: Uint8Array | Wanted): Promise<void> => {
    await operator.put("desired-state", AGENT, value instanceof Uint8Array ? value : envelopeOf(value));
    await settle();
  };
  const start = async (): Promise<void> => {
    desired.start();
    await settle();
  };
  return { server, store, operator, clock, seen, manifests, logged, state, desired, put, start };
}
export const generations = ({ manifests }: ReturnType<typeof follow>): readonly number[] =>
  manifests.map(([{ generation }]) => generation);
export const lastReading = ({ seen }: ReturnType<typeof follow>) => seen.at(-1)?.[0];
export const wanted = (generation: number, value = "x"): Wanted => ({ generation, scores: { a: probe("a", value) } });
