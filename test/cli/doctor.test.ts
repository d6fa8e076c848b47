import { expect, test } from "vitest";
import * as z from "zod";
import { VERSION } from "../../src/wire/version.ts";
import { PI } from "../fleet/scripted-agent.ts";
import { harmony } from "./in-process.ts";
import { json, ScriptedFleet } from "./scripted-fleet.ts";

const fleet = new ScriptedFleet();

const beat = (over: Readonly<Record<string, unknown>> = {}): Uint8Array =>
  Buffer.from(
    JSON.stringify({
      agentId: PI,
      bootId: "b",
      epoch: 1,
      sequence: 1,
      uptimeMs: 1,
      agentVersion: VERSION,
      observedGeneration: 0,
      at: new Date().toISOString(),
      ...over,
    }),
  );
const offers = (over: Readonly<Record<string, unknown>> = {}): Uint8Array =>
  Buffer.from(
    JSON.stringify({
      agentId: PI,
      topology: "PiTopology",
      capabilities: {},
      kinds: {},
      agentVersion: VERSION,
      ...over,
    }),
  );
const Report = z.object({
  isWell: z.boolean(),
  findings: z.array(z.object({ check: z.string(), level: z.string(), found: z.string() })),
});
const doctor = async () => {
  const ran = await fleet.run(["doctor", "--json"]);
  const { findings, isWell } = Report.parse(json(ran.out));
  return {
    code: ran.code,
    isWell,
    bad: findings.filter(({ level }) => level !== "ok").map(({ check, found }) => `${check}: ${found}`),
  };
};

test("finds nothing where all is well, and says what it looked at", async () => {
  await fleet.begin(null);
  await fleet.device.put("heartbeat", PI, beat());
  await fleet.device.put("capabilities", PI, offers());
  expect(await doctor()).toEqual({ code: 0, isWell: true, bad: [] });
  const text = await fleet.run(["doctor"]);
  expect(text.out).toMatch(/^ok {4}server: \S+ answers, nats-server 2\.\d+\.\d+\n/);
  for (const said of ["bucket desired-state: is there", "stream of events: is there", "agents: 1 are known"]) {
    expect(text.out).toContain(said);
  }
});

test.each([
  [
    "a clock that is wrong",
    beat({ at: new Date(Date.now() - 3_600_000).toISOString() }),
    offers(),
    /its clock is 3\d\d\d s behind the server's/,
  ],
  ["another version", beat({ agentVersion: "0.0.9" }), offers(), /it is of version 0\.0\.9, and this is/],
  ["nonsense for a heartbeat", Buffer.from("{"), offers(), /its heartbeat cannot be read/],
  ["nonsense for what it offers", beat(), Buffer.from("{"), /what it offers cannot be read/],
  [
    "a signed policy that it refuses",
    beat(),
    offers({
      policy: {
        reserved: { paths: [], units: [] },
        policies: [],
        unreadable: null,
        signed: {
          serial: 3,
          key: "owner",
          refused: { reason: "StaleSerial", message: "serial 2, and serial 3 is in force" },
        },
      },
    }),
    /it refuses the signed policy that lies there: StaleSerial/,
  ],
] as const)("tells %s, and what to do", async (_, heartbeat, capabilities, said) => {
  await fleet.begin(null);
  await fleet.device.put("heartbeat", PI, heartbeat);
  await fleet.device.put("capabilities", PI, capabilities);
  const { code, isWell, bad } = await doctor();
  expect(bad.join("\n")).toMatch(said);
  expect({ code, isWell }).toEqual({ code: 1, isWell: false });
  expect((await fleet.run(["doctor"])).out).toMatch(/warn {2}agent pi-7: .*\n {6}\w+/);
});

test("tells that nobody was ever heard of, and a server that cannot be reached", async () => {
  await fleet.begin(null);
  expect((await doctor()).bad).toEqual(["agents: none has been heard of"]);
  expect((await harmony(["doctor", "--server", "nats://127.0.0.1:1"])).code).toBe(4);
});
