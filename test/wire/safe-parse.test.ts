import { expect, test } from "vitest";
import * as z from "zod";
import { openEnvelope } from "../../src/wire/decode.ts";
import { safeParse } from "../../src/wire/safe-parse.ts";
import { AgentStatus, readDocument } from "../../src/wire/status.ts";

/** Compared with a number it throws, as it can be made neither a number nor a text. */
const TRAP = { length: { toString: 0 }, size: { toString: 0 } };

test("what cannot be compared is no list and no text, and ends nothing", () => {
  for (const schema of [
    z.array(z.string()).max(3),
    z.string().min(1),
    z.set(z.string()).max(3),
    z.array(z.int()).length(2),
  ]) {
    expect(safeParse<unknown>(schema, TRAP).success).toBe(false);
    expect(safeParse<unknown>(z.object({ in: schema }), { in: TRAP }).success).toBe(false);
  }
  expect(safeParse(z.object({ length: z.unknown() }), TRAP).success).toBe(true);
});

test("an envelope or a status with such a thing in it is refused by name", () => {
  const bytes = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value));
  expect(openEnvelope(bytes({ wire: 1, payload: "{}", signatures: TRAP }))).toMatchObject({
    _tag: "Refused",
    refusal: { reason: "Malformed" },
  });
  expect(openEnvelope(bytes({ signatures: { length: { toString: 0 } } }))).toMatchObject({ _tag: "Refused" });
  expect(readDocument(AgentStatus, bytes({ agentId: TRAP, conditions: TRAP }))).toMatchObject({ _tag: "Unreadable" });
});
