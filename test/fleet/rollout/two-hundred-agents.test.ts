import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import * as z from "zod";
import { packageRoot } from "../../../src/cli/package-root.ts";
import { Rollout } from "../../../src/wire/rollout.ts";
import { connectStore } from "../../../src/wire/nats/connect.ts";
import { eventually } from "../../agent/support/eventually.ts";
import { folder } from "../../cli/in-process.ts";
import { natsServer } from "../../support/nats-server.ts";
import { simulatedAgents } from "./simulated-agents.ts";

const AGENTS = 200;
const FAILING = ["pi-007", "pi-011", "pi-019"];
const RSS_LIMIT = 200 * 1024 * 1024;
const launcher = join(packageRoot(), "bin/harmony.js");

const FLEET = `
import { FileScore, fleet, group, manifest, PiTopology } from "harmony-edge";
const GREETING = { paris: "bonjour", rome: "ciao" };
export default fleet({
  kiosks: group("role=kiosk", PiTopology, { site: ["paris", "rome"] }, ({ agentId, labels }) =>
    manifest(PiTopology, {
      motd: new FileScore({ path: "/etc/motd", content: \`\${GREETING[labels.site]}, \${agentId}\\n\`, parents: true }),
      site: new FileScore({ path: "/etc/site", content: labels.site, parents: true }),
    }, { after: { site: ["motd"] } })),
});
`;

interface Command {
  readonly out: () => string;
  readonly err: () => string;
  readonly kill: () => void;
  readonly ended: Promise<{ readonly code: number | null; readonly peakBytes: number }>;
}

/** The command line as a process of its own, with the most memory that it had. */
function harmony(url: string, cwd: string, ...words: readonly string[]): Command {
  const child = spawn(process.execPath, [launcher, ...words], { cwd, env: { ...process.env, HARMONY_SERVER: url } });
  let out = "";
  let err = "";
  let peakBytes = 0;
  child.stdout.setEncoding("utf8").on("data", (text: string) => (out += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (err += text));
  const look = setInterval(() => {
    try {
      const [, kib = "0"] = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${child.pid}/status`, "utf8")) ?? [];
      peakBytes = Math.max(peakBytes, Number(kib) * 1024);
    } catch {
      // It has ended.
    }
  }, 20);
  onTestFinished(() => void child.kill("SIGKILL"));
  const ended = new Promise<{ readonly code: number | null; readonly peakBytes: number }>((resolve) =>
    child.once("close", (code) => {
      clearInterval(look);
      resolve({ code, peakBytes });
    }),
  );
  return { out: () => out, err: () => err, kill: () => void child.kill("SIGKILL"), ended };
}

test("200 agents get theirs in waves; three that fail stop it; it is told why, and goes on, also after a kill", async () => {
  const server = await natsServer();
  const cwd = folder({ "kiosks.ts": FLEET });
  const connected = await connectStore({ servers: server.url });
  if (connected._tag === "Unreachable") throw new Error(connected.message);
  const { store } = connected;
  onTestFinished(() => store.close());
  await store.ensureBuckets();
  const ids = Array.from({ length: AGENTS }, (_, at) => `pi-${String(at + 1).padStart(3, "0")}`);
  const agents = await simulatedAgents(server.url, ids, (id) => ({
    role: "kiosk",
    site: Number(id.slice(3)) % 2 === 0 ? "paris" : "rome",
  }));
  await eventually("every agent has told what it can do", async () => {
    const keys = await store.keys("capabilities");
    return "length" in keys && keys.length === AGENTS;
  });
  // A folder is in the way of the file.
  const inTheWay = { type: "directory", mode: "0755", uid: 0, gid: 0 } as const;
  for (const id of FAILING) agents.get(id)?.files.put("/etc/motd", inTheWay);
  const run = (...words: readonly string[]): Command => harmony(server.url, cwd, ...words);
  // Builds the bundles of a clone, which is no part of what is measured.
  await run("--version").ended;

  const first = run(
    ..."apply kiosks.ts --selector role=kiosk --wave 1,10%,100% --max-failures 2 --soak 1s --json".split(" "),
  );
  const stopped = await first.ended;
  expect(first.err()).toContain("10% of 200 is 20 devices, less the 1 before: 19 more");
  const Told = Rollout.omit({ manifests: true, lease: true });
  const told = Told.parse(JSON.parse(first.out()));
  expect({ code: stopped.code, state: told.state, stop: told.stop?.reason, wave: told.wave }).toEqual({
    code: 1,
    state: "Stopped",
    stop: "TooManyFailures",
    wave: 1,
  });
  const failed = Object.entries(told.devices).flatMap(([id, { state }]) => (state === "Failed" ? [id] : []));
  expect(failed).toEqual(FAILING);
  expect(told.devices["pi-001"]).toMatchObject({ state: "Ready", generation: 1 });
  // Nothing at all has come to those of the wave that did not begin.
  const shipped = await store.keys("desired-state");
  expect("length" in shipped ? shipped.filter((id) => Number(id.slice(3)) > 20) : shipped).toEqual([]);

  const status = run("rollout", "status", told.id);
  expect((await status.ended).code).toBe(1);
  expect(status.err()).toContain("stopped: 3 devices have failed in wave 2 of 3, and 2 may");
  for (const id of FAILING) expect(status.err()).toMatch(new RegExp(`${id}: motd is Failed: .*/etc/motd`));
  expect(status.err()).toContain(`harmony rollout resume ${told.id}`);

  // Two are mended; the third one may fail.
  for (const id of FAILING.slice(0, 2)) agents.get(id)?.files.take("/etc/motd");
  const second = run("rollout", "resume", told.id, "--retry-failed");
  await eventually(
    "the last wave is under way",
    async () => {
      const keys = await store.keys("desired-state");
      const found = await store.get("rollouts", told.id);
      // What it has learnt is written a moment later.
      const isWritten = found._tag === "Value" && Buffer.from(found.value).includes('"wave":2,');
      return isWritten && "length" in keys && keys.length > 40;
    },
    second.err,
  );
  second.kill();
  const killed = await second.ended;
  const between = run("rollout", "status", told.id, "--json");
  expect((await between.ended).code).toBe(0);
  expect(JSON.parse(between.out())).toMatchObject({ state: "Running", wave: 2 });

  const third = run("rollout", "resume", told.id, "--json");
  const done = await third.ended;
  const end = Told.parse(JSON.parse(third.out()));
  expect({ code: done.code, state: end.state, wave: end.wave }).toEqual({ code: 1, state: "Done", wave: 3 });
  expect(Object.entries(end.devices).filter(([, { state }]) => state !== "Ready")).toEqual([
    ["pi-019", expect.objectContaining({ state: "Failed" })],
  ]);
  for (const [id, { files }] of agents) {
    if (id === "pi-019") continue;
    const greeting = Number(id.slice(3)) % 2 === 0 ? "bonjour" : "ciao";
    expect(files.tree()["/etc/motd"]).toMatchObject({ text: `${greeting}, ${id}\n` });
  }
  // Nobody was shipped the same twice, but for those that were to be tried once more.
  const generations = Object.values(end.devices).map(({ generation }) => generation);
  expect(generations.filter((each) => each !== 1).length).toBe(FAILING.length);

  const peaks = z.array(z.number().min(1)).parse([stopped, killed, done].map(({ peakBytes }) => peakBytes));
  process.stdout.write(
    `control plane of ${AGENTS} agents: at most ${(Math.max(...peaks) / 1024 ** 2).toFixed(0)} MiB\n`,
  );
  expect(Math.max(...peaks)).toBeLessThan(RSS_LIMIT);
});
