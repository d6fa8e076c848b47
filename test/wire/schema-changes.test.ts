import { describe, expect, test } from "vitest";
import { schemaFiles } from "../../scripts/schemas.ts";
import { type Direction, harmfulChanges } from "./schema-changes.ts";
import { ACCEPTED, releases } from "./released/releases.ts";

/** What agents write, and others read; everything else is read by this package alone. */
const TOLD = /^(status|heartbeat|capabilities|plan|event-record)\./;
const directionOf = (file: string): Direction => (TOLD.test(file) ? "told" : "read");

const now = schemaFiles();

describe.each(releases)("since $version", ({ schemas }) => {
  test("there is something to hold on to", () => {
    expect(Object.keys(schemas).length).toBeGreaterThanOrEqual(20);
  });

  test.each(Object.entries(schemas))("%s takes all that it took, and means by it what it meant", (file, was) => {
    const text = now.get(file);
    const found = text === undefined ? ["it is gone"] : harmfulChanges(was, JSON.parse(text), directionOf(file));
    expect(found.filter((change) => ACCEPTED[`${file}: ${change}`] === undefined)).toEqual([]);
  });
});

const field = (schema: object, needed = true) => ({
  type: "object",
  properties: { name: { type: "string" }, given: schema },
  required: needed ? ["name", "given"] : ["name"],
  additionalProperties: false,
});

test.each<[what: string, was: object, is: object, says: readonly string[]]>([
  [
    "a field that is gone",
    field({}),
    { ...field({}), properties: { name: { type: "string" } }, required: ["name"] },
    ["given is gone"],
  ],
  ["another type", field({ type: "string" }), field({ type: "integer" }), ["given was string, and is integer"]],
  [
    "a type less",
    field({ type: ["string", "null"] }),
    field({ type: "string" }),
    ["given was string or null, and is string"],
  ],
  ["a value less", field({ enum: ["a", "b"] }), field({ enum: ["a", "c"] }), ['given cannot be "b" any more']],
  [
    "another default",
    field({ default: 300 }, false),
    field({ default: 5 }, false),
    ["given: default was 300, and is 5"],
  ],
  ["a default that is gone", field({ default: 1 }, false), field({}, false), ["given: default was 1, and is none"]],
  ["a narrower bound", field({ maximum: 9 }), field({ maximum: 8 }), ["given: maximum was 9, and is 8"]],
  ["a new bound", field({}), field({ minLength: 1 }), ["given: minLength was none, and is 1"]],
  ["another pattern", field({ pattern: "^a" }), field({ pattern: "^b" }), ['given: pattern was "^a", and is "^b"']],
  ["what could be left out", field({}, false), field({}), ["given could be left out, and cannot any more"]],
  [
    "a new field without a default",
    { ...field({}), properties: { name: { type: "string" } }, required: ["name"] },
    field({}),
    ["given is new and cannot be left out: give it a default, or make a new version"],
  ],
  [
    "a form less",
    field({ anyOf: [{ type: "string" }, { type: "object" }] }),
    field({ anyOf: [{ type: "string" }] }),
    ["given: its form 2 is not taken any more", "given was object, and is string"],
  ],
  [
    "something within what refers to itself",
    {
      $ref: "#/$defs/tree",
      $defs: { tree: { properties: { more: { $ref: "#/$defs/tree" }, leaf: { type: "string" } } } },
    },
    {
      $ref: "#/$defs/tree",
      $defs: { tree: { properties: { more: { $ref: "#/$defs/tree" }, leaf: { type: "null" } } } },
    },
    ["leaf was string, and is null"],
  ],
  ["items that were anything", { items: true }, { items: { type: "string" } }, ["the whole: items is narrower"]],
])("%s is told", (_, was, is, says) => {
  expect(harmfulChanges(was, is, "read")).toEqual(says);
});

test("what takes more is no harm", () => {
  expect(harmfulChanges(field({ type: "integer", maximum: 9 }), field({ type: "number" }, false), "read")).toEqual([]);
  expect(harmfulChanges(field({ enum: ["a"] }), field({ enum: ["a", "b"] }), "read")).toEqual([]);
  expect(
    harmfulChanges(field({ type: "string" }), field({ anyOf: [{ type: "null" }, { type: "string" }] }), "read"),
  ).toEqual([]);
});

test("who reads what is told relies on what was always there", () => {
  const wider = [field({}), field({}, false)] as const;
  expect(harmfulChanges(...wider, "told")).toEqual(["given was always there, and is not any more"]);
  expect(harmfulChanges({ properties: { a: {} } }, { properties: {} }, "told")).toEqual(["a is gone"]);
});
