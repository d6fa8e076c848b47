import { describe, expect, test } from "vitest";
import { settle } from "../../src/testing/fake-clock.ts";
import { report, score, statusOf } from "./support/report.ts";

describe("a status that is too large for the server", () => {
  const large = "x".repeat(3000);

  test("is cut in its details and says so; states and errors stay", async () => {
    const it = report({ maxPayload: 2000 });
    it.reporter.begin(0);
    it.status = statusOf(1, { a: score({ large }) });
    it.reporter.report(true);
    await settle();
    expect(await it.stored()).toEqual({ ...statusOf(1, { a: score() }), truncated: true });
    expect(it.logged).toEqual([expect.stringContaining("too large")]);
    // The same again is not written again, though what lies there is shorter.
    it.reporter.report(true);
    await it.clock.advance(5000);
    expect(await it.revision()).toBe(1);
  });

  test("is cut in its texts if that is not enough; states and reasons stay", async () => {
    const it = report({ maxPayload: 2000 });
    it.reporter.begin(0);
    it.status = statusOf(1, { a: score({ large }, large) });
    it.reporter.report(true);
    await settle();
    const stored = await it.stored();
    expect(stored).toMatchObject({
      truncated: true,
      scores: { a: { state: "Failed", error: { reason: "Bug", step: null, next: "" } } },
    });
    expect(stored?.scores["a"]?.error?.message).toBe("");
  });

  test("even then is told in the log, and the next one that fits goes out", async () => {
    const it = report({ maxPayload: 500 });
    it.reporter.begin(0);
    it.status = statusOf(1, { a: score(), b: score() });
    it.reporter.report(true);
    await it.clock.advance(5000);
    expect(await it.stored()).toBeNull();
    expect(it.logged.at(-1)).toContain("cannot be cut small enough");
    await it.tell(2);
    expect(await it.stored()).toEqual(statusOf(2));
  });
});
