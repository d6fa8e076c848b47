import { describe, expect, test } from "vitest";
import { Envelope } from "../../src/wire/envelope.ts";
import {
  AgentStatus,
  CapabilitiesDocument,
  Condition,
  CONDITION_TYPES,
  Heartbeat,
  SCORE_STATES,
  ScoreError,
} from "../../src/wire/status.ts";
import { blocks, pageAt } from "./pages.ts";

/** By a field that only this document has. */
const SCHEMAS = [
  { name: "status", field: "conditions", schema: AgentStatus },
  { name: "heartbeat", field: "sequence", schema: Heartbeat },
  { name: "capabilities", field: "capabilities", schema: CapabilitiesDocument },
  { name: "envelope", field: "wire", schema: Envelope },
] as const;

const shown = blocks
  .filter(({ language }) => language === "json")
  .map(({ page, line, text }) => {
    const document: unknown = JSON.parse(text);
    const known = SCHEMAS.find(({ field }) => typeof document === "object" && document !== null && field in document);
    return { place: `${page}:${line}`, name: known?.name ?? "unknown", schema: known?.schema, document };
  });

test("each document that an agent writes is shown", () => {
  expect(shown.map(({ name }) => name)).toEqual(expect.arrayContaining(["status", "heartbeat", "capabilities"]));
});

describe("a document that is shown is one, without a field that its schema does not know", () => {
  test.each(shown.filter(({ schema }) => schema !== undefined))("$place: $name", ({ schema, document }) => {
    expect(schema?.parse(document)).toEqual(document);
  });
});

describe("every word that a status can hold is explained", () => {
  const { text: operating } = pageAt("docs/operating.md");
  // Without the examples: what stands in one is not explained by that.
  const { prose: status } = pageAt("docs/status.md");
  const words = {
    states: SCORE_STATES,
    conditions: CONDITION_TYPES,
    "reasons of conditions": Condition.shape.reason.options,
    "reasons of errors": ScoreError.shape.reason.options,
  };

  test.each(Object.entries(words))("%s have a row of their own in the guide for operators", (_, each) => {
    expect(each.filter((word) => !operating.includes(`\n| \`${word}\` |`))).toEqual([]);
  });

  test("states, conditions and their reasons have their predicates in the reference", () => {
    const told = [...SCORE_STATES, ...CONDITION_TYPES, ...Condition.shape.reason.options];
    expect(told.filter((word) => !status.includes(`\`${word}\``))).toEqual([]);
  });

  test("every field of the three documents is in the reference", () => {
    const fields = [
      AgentStatus,
      AgentStatus.shape.agent,
      AgentStatus.shape.scores.valueType,
      ScoreError,
      Heartbeat,
      CapabilitiesDocument,
    ].flatMap(({ shape }) => Object.keys(shape));
    expect(fields.length).toBeGreaterThan(30);
    expect(fields.filter((field) => !new RegExp(`[\`.]${field}[\`.]`).test(status))).toEqual([]);
  });
});
