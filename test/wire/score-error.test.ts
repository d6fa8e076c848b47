import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Failure } from "../../src/scores/outcome.ts";
import { SCORE_REFUSALS } from "../../src/wire/refusal.ts";
import { asJson, errorOf, errorOfRefusal } from "../../src/wire/score-error.ts";
import { ScoreError } from "../../src/wire/status.ts";

const step = { do: "write", path: "/etc/motd" };

describe("a FAILURE is told with what happened, where, whose fault it is and what to do:", () => {
  const failures: readonly (readonly [Failure, Partial<ScoreError>])[] = [
    [
      {
        _tag: "PortFailed",
        during: "apply",
        step,
        problem: { code: "NoSpace", message: "the disk is full", blame: "device", next: "Make room." },
      },
      {
        reason: "PortFailed",
        message: "the disk is full",
        during: "apply",
        step,
        blame: "device",
        next: "Make room.",
        retryable: true,
      },
    ],
    [
      {
        _tag: "PortFailed",
        during: "observe",
        step: null,
        problem: { code: "Invalid", message: "no such user", blame: "author", next: "Name another.", retryable: false },
      },
      { reason: "PortFailed", during: "observe", step: null, blame: "author", retryable: false },
    ],
    [
      {
        _tag: "Obstructed",
        during: "plan",
        obstruction: { obstructed: "a link stands there", blame: "device", next: "Move it." },
      },
      {
        reason: "Obstructed",
        message: "a link stands there",
        during: "plan",
        step: null,
        blame: "device",
        next: "Move it.",
      },
    ],
    [
      {
        _tag: "PortFailed",
        during: "apply",
        step,
        problem: { code: "RolledBack", message: "taken back", blame: "author", next: "Correct it.", retryable: false },
      },
      { reason: "RolledBack", message: "taken back", during: "apply", step, blame: "author", retryable: false },
    ],
    [
      {
        _tag: "Obstructed",
        during: "plan",
        obstruction: { obstructed: "tried before", blame: "author", next: "Correct it.", reason: "RolledBack" },
      },
      { reason: "RolledBack", message: "tried before", during: "plan", step: null, retryable: false },
    ],
    [
      { _tag: "DidNotConverge", remaining: [step, step] },
      { reason: "DidNotConverge", during: "observe", step, blame: "device", retryable: true },
    ],
    [
      { _tag: "TimedOut", during: "apply", step, afterMs: 1500 },
      { reason: "TimedOut", message: "not done after 1.5 s", during: "apply", step },
    ],
    [
      { _tag: "Interrupted", remaining: [step] },
      { reason: "Interrupted", during: "apply", step, blame: "platform", retryable: true },
    ],
    [
      { _tag: "Interrupted", remaining: [] },
      { reason: "Interrupted", step: null },
    ],
    [
      { _tag: "Bug", during: "plan", step: null, message: "x is not a function" },
      { reason: "Bug", message: "unexpected: x is not a function", during: "plan", step: null, blame: "platform" },
    ],
  ];

  test.each(failures)("%o", (failure, wanted) => {
    const error = errorOf(failure);
    expect(error).toMatchObject(wanted);
    expect(ScoreError.parse(error)).toEqual(error);
    expect(error.next).toMatch(/\.$/);
  });
});

describe("a refusal", () => {
  test.each(SCORE_REFUSALS)("for %s is told with what to do about it, and that trying again is no use", (reason) => {
    const error = errorOfRefusal({ reason, message: "because" });
    expect(ScoreError.parse(error)).toEqual(error);
    expect(error).toMatchObject({
      reason,
      message: "because",
      during: "decode",
      step: null,
      blame: "author",
      retryable: false,
    });
    expect(error.next).toMatch(/\.$/);
  });
});

describe("a kind's own data as JSON", () => {
  test("is what it was, as far as it is JSON", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(asJson(value)).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  test.each([
    ["undefined", undefined, null],
    ["a Date", new Date(0), "1970-01-01T00:00:00.000Z"],
    ["a missing field", { a: undefined, b: [undefined] }, { b: [null] }],
  ])("of %s is what JSON makes of it", (_, value, wanted) => {
    expect(asJson(value)).toEqual(wanted);
  });

  const circular: { self?: unknown } = {};
  circular.self = circular;

  test.each([
    ["a big integer", { size: 1n }],
    ["a function", () => {}],
    ["a cycle", circular],
    [
      "a toJSON that throws",
      {
        toJSON() {
          throw new TypeError("no");
        },
      },
    ],
  ])("that holds %s is replaced by a sentence, and a FAILURE is told all the same", (_, value) => {
    expect(asJson(value)).toMatch(/^not JSON: ./);
    expect(errorOf({ _tag: "Bug", during: "apply", step: value, message: "x" })).toMatchObject({ reason: "Bug" });
  });
});
