import { expect, test } from "vitest";
import { AgentId, planSubject } from "../../src/wire/keys.ts";

test.each(["a", "0", "pi-7", "a--b", "a".repeat(63)])("an agent's id may be %j", (id) => {
  expect(AgentId.safeParse(id).data).toBe(id);
});

test.each(["", "-a", "a-", "-", "A", "a.b", "a*", ">", "a b", "a\n", "a/b", "\u00e4", "a".repeat(64), 7, null, ["a"]])(
  "an agent's id may not be %j, as it is part of subjects and keys",
  (id) => {
    expect(AgentId.safeParse(id).success).toBe(false);
  },
);

test("an agent answers plans on a subject of its own", () => {
  expect(planSubject(AgentId.parse("pi-7"))).toBe("fleet.plan.pi-7");
});
