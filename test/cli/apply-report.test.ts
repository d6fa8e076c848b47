import { describe, expect, test } from "vitest";
import { progressLine } from "../../src/cli/apply-progress.ts";
import { reportApply } from "../../src/cli/apply-report.ts";
import type { Io } from "../../src/cli/io.ts";
import { openSession } from "../../src/cli/session.ts";
import type { ApplyResult, Progress } from "../../src/fleet/index.ts";
import { agentStatus, AT, failing, scoreStatus } from "../fleet/scripted-agent.ts";

function session(flags: { readonly json?: boolean } = {}, terminal = false) {
  const written = { out: "", err: "" };
  const io: Io = {
    out: (text) => void (written.out += text),
    err: (text) => void (written.err += text),
    outIsTerminal: terminal,
    errIsTerminal: terminal,
    input: async () => Buffer.of(),
    ask: null,
    env: {},
    cwd: "/",
    signal: new AbortController().signal,
  };
  return { session: openSession(io, flags), written };
}

const shipped = { generation: 7, revision: 9 };
const unreachable = { _tag: "Unreachable", reason: "Disconnected", message: "the line is dead" } as const;
const status = agentStatus({ generation: 7, scores: { a: scoreStatus("Ready") } });
const lacking = { rule: "MissingCapability", severity: "error", kind: "X", capability: "Y", target: "Z" } as const;

/** Each way an apply can end: what the command ends with, what it says, and whether a document is shown. */
const endings: readonly (readonly [ApplyResult, number, RegExp, boolean])[] = [
  [{ _tag: "Converged", ...shipped, status }, 0, /converged on generation 7: its Score is Ready/, true],
  [
    {
      _tag: "Converged",
      ...shipped,
      status: agentStatus({ generation: 7, scores: { a: scoreStatus("Ready"), b: scoreStatus("Drifted") } }),
    },
    0,
    /converged on generation 7: 1 Ready, 1 Drifted, which is only to be told/,
    true,
  ],
  [{ _tag: "NotConverged", ...shipped, status, troubled: ["a"] }, 1, /not converged on generation 7: a is not/, true],
  [
    {
      _tag: "RolledBack",
      ...shipped,
      status: agentStatus({
        generation: 7,
        conditions: [
          { type: "RolledBack", status: "True", reason: "NotReadyInTime", message: "both causes", since: AT },
        ],
        rolledBack: {
          generation: 7,
          to: 6,
          why: "NotReadyInTime",
          at: AT,
          scores: { a: { state: "Failed", error: failing("Failed").error, blockedOn: [] } },
        },
      }),
    },
    1,
    /taken generation 7 back: both causes/,
    true,
  ],
  [{ _tag: "Shipped", ...shipped }, 0, /generation 7 is stored for pi-7/, true],
  [
    { _tag: "RefusedByAgent", ...shipped, reason: "TooLarge", message: "big", status },
    1,
    /refused generation 7: TooLarge: big/,
    true,
  ],
  [{ _tag: "Superseded", ...shipped, by: 8, status }, 1, /somebody shipped generation 8 before/, true],
  [{ _tag: "Superseded", ...shipped, by: null, status: null }, 1, /overwritten or deleted/, false],
  [
    { _tag: "TimedOut", ...shipped, missing: [], liveness: { freshness: "fresh", silentMs: 0 }, status },
    3,
    /the agent is alive and goes on/,
    true,
  ],
  [
    { _tag: "LostSight", ...shipped, unreachable, status: null },
    4,
    /line is dead[^]*Generation 7 had been stored/,
    false,
  ],
  [{ _tag: "Cancelled", shipped }, 3, /stopped waiting; generation 7 is stored/, false],
  [{ _tag: "Cancelled", shipped: null }, 3, /before anything was shipped/, false],
  [
    { _tag: "Lacking", objections: [{ ...lacking, scoreId: "a", sentence: "no Y" }] },
    1,
    /a: no Y[^]*Nothing was shipped/,
    false,
  ],
  [{ _tag: "TooLarge", bytes: 9, limit: 4 }, 1, /9 bytes, the most that an agent reads is 4/, false],
  [{ _tag: "Contended", attempts: 20 }, 1, /each of the 20 times/, false],
  [{ _tag: "NotReached", unreachable, stored: false }, 4, /line is dead[^]*Nothing was shipped/, false],
  [{ _tag: "NotReached", unreachable, stored: null }, 4, /not known; applying it again is safe/, false],
];

describe("how an apply ended", () => {
  test.each(endings.map(([result, ...rest]) => [result._tag, result, ...rest] as const))(
    "%s",
    (_, result, code, said, document) => {
      const plain = session();
      expect(reportApply(plain.session, result, "pi-7")).toBe(code);
      expect(plain.written.err).toMatch(said);
      expect(plain.written.out).toBe("");
      const asJson = session({ json: true });
      expect(reportApply(asJson.session, result, "pi-7")).toBe(code);
      expect(asJson.written.out === "" ? null : JSON.parse(asJson.written.out)).toEqual(
        document ? expect.anything() : null,
      );
      // With a document, only what went wrong is told besides.
      expect(asJson.written.err).toMatch(code === 0 ? /^$/ : said);
    },
  );

  test("a Score that is tried again tells how often and when", () => {
    const { session: of, written } = session();
    const again = { ...failing("Failed"), attempts: 3, retryAfter: new Date(Date.now() + 60_000).toISOString() };
    reportApply(
      of,
      { _tag: "NotConverged", ...shipped, status: agentStatus({ scores: { a: again } }), troubled: ["a"] },
      "pi-7",
    );
    expect(written.err).toMatch(/a \(File\) is Failed after 3 attempts, tried again in (59|60) s\n/);
  });
});

describe("the line that tells how far it is", () => {
  const waiting = (sentence: string): Progress => ({
    _tag: "Waiting",
    missing: [{ scoreId: null, state: null, sentence }],
    liveness: { freshness: "stale", silentMs: 240_000 },
    status: null,
  });

  test("elsewhere than on a terminal is a line for each change", () => {
    const { session: of, written } = session();
    const { tell, end } = progressLine(of, "pi-7");
    for (const each of [waiting("one"), waiting("one"), waiting("two")]) tell(each);
    end();
    expect(written.err).toBe("waiting: one; pi-7 is silent since 4 min\nwaiting: two; pi-7 is silent since 4 min\n");
  });

  test("on a terminal is one line that changes, and is cleared before anything else is written", () => {
    const { session: of, written } = session({}, true);
    const { tell, end } = progressLine(of, "pi-7");
    tell(waiting("one\u001b[2J"));
    tell({ _tag: "Conflict" });
    tell(waiting("w".repeat(200)));
    end();
    end();
    const [first = "", second = "", third = ""] = written.err.split("\r\u001b[2K").slice(1);
    expect(first).toContain("one\ufffd[2J");
    expect(second).toBe("somebody else wrote to pi-7 at the same time; trying again\n");
    expect(third).toBe(`\u001b[2m${`waiting: ${"w".repeat(200)}`.slice(0, 78)}\u001b[22m`);
    expect(written.err.endsWith("\r\u001b[2K")).toBe(true);
  });

  test("with --json is nothing", () => {
    const { session: of, written } = session({ json: true });
    progressLine(of, "pi-7").tell(waiting("one"));
    expect(written).toEqual({ out: "", err: "" });
  });

  test("tells each stage", () => {
    const { session: of, written } = session();
    const { tell } = progressLine(of, "pi-7");
    const stages: readonly Progress[] = [
      { _tag: "Shipping", generation: 7 },
      { _tag: "AnswerLost", unreachable },
      { _tag: "StaleGeneration", agentHas: 50 },
      { _tag: "Stored", ...shipped, bytes: 2048, asAsset: true },
      { _tag: "Blind", unreachable },
    ];
    for (const each of stages) tell(each);
    expect(written.err.split("\n")).toEqual([
      "shipping generation 7 to pi-7",
      "no answer from the server (the line is dead); looking what it has stored",
      "pi-7 has generation 50 already, which the server did not know; shipping above it",
      "generation 7 is stored (2.0 KiB, as an asset)",
      "the server cannot be read (the line is dead); trying again",
      "",
    ]);
  });
});
