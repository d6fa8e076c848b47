import type { Planted } from "../planted.ts";

/** The simulator of a pair has to find each of these. */
export const PLANTED_IN_FAILOVER: readonly Planted[] = [
  {
    name: "the fence is ignored",
    file: "agent/fence.ts",
    snippet: "!isRead(capability, String(key)) && !mayAct()",
    instead: "!isRead(capability, String(key)) && !mayAct() && offers().length > 99",
  },
  {
    name: "a lease that was not renewed is held on to",
    file: "agent/lease.ts",
    snippet: "return this.#held !== null && this.#parts.clock.monotonicMs() < this.#held.validUntil;",
    instead: "return this.#held !== null;",
  },
  {
    name: "the other one does not wait until the lease is stale",
    file: "agent/lease.ts",
    snippet: "clock.monotonicMs() - seen.atMs >= TAKEOVER_MS ||",
    instead: "clock.monotonicMs() - seen.atMs >= VALID_MS / 2 ||",
  },
  {
    name: "the lease is taken without compare-and-set",
    file: "agent/lease.ts",
    snippet: 'store.put("heartbeat", pair, bytes, { expect: seen.revision, timeoutMs: ANSWER_MS })',
    instead: 'store.put("heartbeat", pair, bytes, { timeoutMs: ANSWER_MS })',
  },
  {
    name: "an empty key is a free lease",
    file: "agent/lease.ts",
    snippet: "if (beat?.lease === undefined) return false;",
    instead: "if (beat?.lease === undefined) return true;",
  },
  {
    name: "whoever is lost from the lease leaves what it made",
    file: "agent/failover.ts",
    snippet: "    this.#passive.start();\n",
    instead: "",
  },
  {
    name: "a promotion takes the token of the one before",
    file: "agent/lease.ts",
    snippet: "const token = 1 + Math.max(",
    instead: "const token = Math.max(1, ",
  },
  {
    name: "a lease that is stale is left to lie",
    file: "agent/lease.ts",
    snippet: "export const TAKEOVER_MS = 2 * HEARTBEAT_MS;",
    instead: "export const TAKEOVER_MS = 4 * HEARTBEAT_MS;",
  },
];
