import { describe, expect, test } from "vitest";
import { interpret, retire } from "../../src/scores/interpret.ts";
import type { Failure, Outcome } from "../../src/scores/outcome.ts";
import { FakeClock, settle } from "../../src/testing/index.ts";
import { type Cabinet, LOCKED, sound } from "./drawer.ts";
import { build, full, kind, label, never, ports, problem, score } from "./one-drawer.ts";
import { around } from "./surroundings.ts";

/** How each cause of a FAILURE comes about. A new one does not compile until it is here. */
const CAUSES: {
  readonly [Tag in Failure["_tag"]]: readonly (readonly [what: string, run: () => Promise<Outcome>, failure: object])[];
} = {
  PortFailed: [
    [
      "a look fails",
      () => interpret(score, around(ports({}, { look: full }))),
      { during: "observe", step: null, problem },
    ],
    [
      "a step fails",
      () => interpret(score, around(ports({}, { label: full }))),
      { during: "apply", step: label, problem },
    ],
    [
      "a removal fails",
      () => retire(score, new Set("a"), around(ports({ a: "mine" }, { label: full }))),
      { during: "retire", step: { do: "unlabel" }, problem },
    ],
    [
      "the claims cannot be kept",
      () => interpret(score, around(ports(), { claim: full })),
      { during: "apply", step: null, problem },
    ],
  ],
  Obstructed: [
    [
      "something is in the way",
      () => interpret(score, around(ports({ a: LOCKED }))),
      { during: "plan", obstruction: { obstructed: "a is locked", blame: "device", next: "Ask for the key." } },
    ],
    [
      "something is in the way of its removal",
      () => retire(kind({ retire: (given, seen) => sound.plan(given, seen) }), new Set(), around(ports({ a: LOCKED }))),
      { during: "retire", obstruction: { obstructed: "a is locked" } },
    ],
  ],
  DidNotConverge: [
    [
      "the steps do not lead there",
      () => interpret(kind({ apply: () => {} }), around(ports())),
      { remaining: [build, label] },
    ],
    [
      "somebody undoes them at once",
      () => interpret(score, around(ports({}, { label: async () => {} }))),
      { remaining: [label] },
    ],
    [
      "it is not gone",
      () => retire(kind({ apply: () => {} }), new Set("a"), around(ports({ a: "" }))),
      { remaining: [{ do: "remove", drawer: "a" }] },
    ],
  ],
  TimedOut: [
    ["a look is not answered", () => timeOut({ look: never }), { during: "observe", step: null, afterMs: 5_000 }],
    ["a step is not answered", () => timeOut({ label: never }), { during: "apply", step: label, afterMs: 5_000 }],
    ["the claims are not kept in time", () => timeOut({}, never), { during: "apply", step: null, afterMs: 5_000 }],
  ],
  Interrupted: [
    [
      "a newer generation came",
      () => interpret(score, around(ports(), { superseded: () => true })),
      { remaining: [build, label] },
    ],
    [
      "the agent has stopped",
      () => interpret(score, around(ports(), { stop: AbortSignal.abort() })),
      { remaining: [] },
    ],
    ["the agent stops during a step", () => stopDuring({ build: never }), { remaining: [build, label] }],
    ["the agent stops while the claims are kept", () => stopDuring({}, never), { remaining: [build, label] }],
  ],
  Bug: [
    [
      "a look throws",
      () => interpret(kind({ observe: throws }), around(ports())),
      { during: "observe", step: null, message: "oops" },
    ],
    [
      "a plan throws",
      () => interpret(kind({ plan: throws }), around(ports())),
      { during: "plan", step: null, message: "oops" },
    ],
    [
      "a step throws",
      () => interpret(kind({ apply: throws }), around(ports())),
      { during: "apply", step: build, message: "oops" },
    ],
    [
      "claims throw",
      () => interpret(kind({ claims: throws }), around(ports())),
      { during: "apply", step: null, message: "oops" },
    ],
    [
      "a removal cannot be planned",
      () => retire(kind({ retire: throws }), new Set(), around(ports())),
      { during: "retire", step: null, message: "oops" },
    ],
    [
      "an adapter rejects with another error",
      () => interpret(score, around(ports({}, { build: throws }))),
      { during: "apply", step: build, message: "oops" },
    ],
    [
      "an adapter rejects with what is no error at all",
      // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- That is what is tried here.
      () => interpret(score, around(ports({}, { look: () => Promise.reject("oops") }))),
      { during: "observe", step: null, message: "oops" },
    ],
    [
      "the ledger throws",
      () => interpret(score, around(ports(), { claim: throws })),
      { during: "apply", step: null, message: "oops" },
    ],
  ],
};

function throws(): never {
  throw new TypeError("oops");
}

async function timeOut(changes: Partial<Cabinet>, claim?: () => Promise<void>): Promise<Outcome> {
  const clock = new FakeClock();
  const running = interpret(score, around(ports({}, changes), { clock, ...(claim === undefined ? {} : { claim }) }));
  await clock.advance(5_000);
  return running;
}

async function stopDuring(changes: Partial<Cabinet>, claim?: () => Promise<void>): Promise<Outcome> {
  const agent = new AbortController();
  const running = interpret(
    score,
    around(ports({}, changes), { stop: agent.signal, ...(claim === undefined ? {} : { claim }) }),
  );
  await settle();
  agent.abort();
  return running;
}

describe.each(Object.entries(CAUSES))("a FAILURE is told as %s when", (_tag, ways) => {
  test.each(ways)("%s", async (_, run, failure) => {
    expect(await run()).toMatchObject({ outcome: "FAILURE", failure: { _tag, ...failure } });
  });
});
