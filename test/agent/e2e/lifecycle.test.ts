import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { StateDirectory } from "../../../src/agent/adapters/state-directory.ts";
import { Ledger } from "../../../src/agent/ledger.ts";
import { natsServer } from "../../support/nats-server.ts";
import {
  AgentProcess,
  type AgentProcessOptions,
  install,
  nodesHere,
  temporaryFolder,
} from "../support/agent-process.ts";
import { eventually } from "../support/eventually.ts";
import { atRest, snapshot } from "../support/folder-snapshot.ts";
import { AGENT, directory, file, unknownKind } from "../support/manifests.ts";
import { Operator } from "../support/operator.ts";

// For machines that are slow to start a process.
let harmony = "";
beforeAll(async () => {
  const installed = await install();
  ({ harmony } = installed);
  return installed.remove;
});

const scores = {
  etc: directory("/etc", { parents: true }),
  motd: file("/etc/motd", "hello\n"),
  deep: file("/srv/a/b", "deep", { parents: true, mode: "0600" }),
};

async function world(options: Partial<AgentProcessOptions> = {}) {
  const root = await temporaryFolder();
  const { url } = await natsServer();
  const operator = await Operator.connect(url);
  const start = (more: Partial<AgentProcessOptions> = {}): AgentProcess =>
    new AgentProcess({ harmony, url, root, ...options, ...more });
  return { root, url, operator, start };
}
const STATE = "var/lib/harmony-edge";

describe("the agent as it is shipped, against a real server", () => {
  test("makes its device so, tells it, does nothing where nothing is to be done, and ends as asked", async () => {
    const { root, operator, start } = await world();
    const agent = start({ args: ["--label", "site=paris"] });
    const revision = await operator.send({ generation: 1, scores, after: { motd: ["etc"] } });
    const first = await operator.converged(1, () => agent.tail);
    expect(await readFile(join(root, "etc/motd"), "utf8")).toBe("hello\n");
    expect(await readFile(join(root, "srv/a/b"), "utf8")).toBe("deep");
    expect(first).toMatchObject({
      agentId: AGENT,
      observedRevision: revision,
      epoch: 1,
      agent: { topology: "PiTopology" },
      scores: {
        motd: { state: "Ready", outcome: "SUCCESS", change: "intentional" },
        deep: { details: { mode: "0600" } },
      },
    });
    expect(await operator.heartbeat()).toMatchObject({ epoch: 1, bootId: first.agent.bootId });
    expect(await operator.capabilities()).toMatchObject({
      topology: "PiTopology",
      labels: { site: "paris" },
      capabilities: { FileSystemHost: { root } },
      kinds: { File: [1], Directory: [1] },
    });

    const before = await snapshot(root, [STATE]);
    await operator.send({ generation: 2, scores, after: { motd: ["etc"] } });
    const second = await operator.converged(2, () => agent.tail);
    expect(Object.values(second.scores).map(({ outcome, generation }) => [outcome, generation])).toEqual([
      ["NOOP", 2],
      ["NOOP", 2],
      ["NOOP", 2],
    ]);
    expect(await snapshot(root, [STATE])).toEqual(before);

    expect(await agent.kill("SIGTERM")).toEqual({ code: 0, signal: null });
    // And not "stopped late", which it says when it needs ten seconds.
    expect(agent.log.at(-1)?.message).toBe("stopped");
    const ledger = await Ledger.open(await StateDirectory.open(root, null), () => {});
    expect(ledger.accepted).toMatchObject({ generation: 2, revision: revision + 1 });
    expect([...ledger.owned.keys()].toSorted()).toEqual(["path:/etc", "path:/etc/motd", "path:/srv/a/b"]);
    expect([...ledger.statuses.values()].map(({ state }) => state)).toEqual(["Ready", "Ready", "Ready"]);
  });

  test("refuses to start where another agent works with the same state directory, which goes on unharmed", async () => {
    const { root, operator, start } = await world();
    const first = start();
    await operator.send({ generation: 1, scores });
    await operator.converged(1, () => first.tail);
    const second = new AgentProcess({ harmony, url: "nats://127.0.0.1:1", root });
    expect(await second.exited).toEqual({ code: 1, signal: null });
    expect(second.tail).toContain(`another agent, process ${first.pid}, works with ${join(root, STATE, "agent")}`);
    expect(await first.kill("SIGKILL")).toMatchObject({ signal: "SIGKILL" });
    const third = start();
    await third.logged("going on from the ledger");
  });

  test("ends as asked also with a Score that fails, which it would try again for ever, and with no server", async () => {
    const { root, operator, start } = await world();
    const agent = start();
    await operator.send({ generation: 1, scores: { ...scores, bad: file("/missing/file"), odd: unknownKind() } });
    await operator.told(
      "the bad one has failed",
      ({ scores: told }) => told["bad"]?.state === "Failed" && told["odd"]?.state === "Refused",
      () => agent.tail,
    );
    expect(await agent.kill("SIGINT")).toEqual({ code: 0, signal: null });
    expect(agent.log.at(-1)?.message).toBe("stopped");
    const alone = new AgentProcess({ harmony, url: "nats://127.0.0.1:1", root });
    await alone.logged("a Score failed");
    expect(await alone.kill("SIGTERM")).toEqual({ code: 0, signal: null });
    expect(alone.log.at(-1)?.message).toBe("stopped");
  });

  test("repairs what was tampered with, at once while it runs, and from its ledger alone after a start without a server", async () => {
    const { root, operator, start } = await world();
    const agent = start();
    await operator.send({ generation: 1, scores, after: { motd: ["etc"] } });
    await operator.converged(1, () => agent.tail);
    await writeFile(join(root, "etc/motd"), "theirs\n");
    const motd = (): Promise<string> => readFile(join(root, "etc/motd"), "utf8").catch(() => "");
    await eventually(
      "the file is repaired",
      async () => (await motd()) === "hello\n",
      () => agent.tail,
    );
    const told = await operator.told(
      "it is told as corrective",
      (status) => status.scores["motd"]?.change === "corrective",
      () => agent.tail,
    );
    expect(told.scores["motd"]).toMatchObject({ state: "Ready", outcome: "SUCCESS", generation: 1 });
    await agent.kill("SIGKILL");

    await writeFile(join(root, "etc/motd"), "theirs again\n");
    const alone = start({ url: "nats://127.0.0.1:1" });
    await eventually(
      "the file is repaired without a server",
      async () => (await motd()) === "hello\n",
      () => alone.tail,
    );
    expect(alone.log.map(({ message }) => message)).toContain("going on from the ledger");
    await alone.kill("SIGTERM");
  });

  test("that is idle writes nothing to its disk and no status", async () => {
    const { root, operator, start } = await world();
    const agent = start({ args: ["--drift-interval", "100ms"] });
    await operator.send({ generation: 1, scores, after: { motd: ["etc"] } });
    await operator.converged(1, () => agent.tail);
    // How far events were told is written down for several at once, seconds later.
    const kept = (name: string): Promise<string> => readFile(join(root, STATE, "agent", name), "utf8");
    await eventually(
      "how far events were told is written down",
      async () => {
        const recorded = (await kept("events.0.jsonl")).trim().split("\n").length;
        return (await kept("events.told.json").catch(() => "")).includes(`"sequence":${recorded},`);
      },
      () => agent.tail,
    );
    const written = async () => ({
      ...(await snapshot(root)),
      status: `${await operator.revision("actual-state")}`,
    });
    const before = await atRest(written, () => agent.tail);
    const lines = agent.log.length;
    // Time for some twenty passes.
    await sleep(2500);
    expect(await written()).toEqual(before);
    expect(agent.log.slice(lines)).toEqual([]);
  });

  test("goes on when nobody reads its log any more", async () => {
    const { operator, start } = await world();
    const agent = start();
    await agent.logged("took an epoch");
    agent.deafen();
    await operator.send({ generation: 1, scores, after: { motd: ["etc"] } });
    await operator.converged(1);
    await operator.send({ generation: 2, scores: {} });
    await operator.converged(2);
    expect(await agent.kill("SIGTERM")).toEqual({ code: 0, signal: null });
  });

  test("runs on the oldest Node that it is for", async ({ skip }) => {
    const nodes = await nodesHere();
    const [version, node] = [...nodes].find(([each]) => each.startsWith("v20.")) ?? [];
    if (node === undefined) skip(`there is no Node 20 on this machine, only ${[...nodes.keys()].join(", ")}`);
    process.stdout.write(`the agent's bundle on ${version}; the tests run on ${process.version}\n`);
    const { root, operator, start } = await world(node === undefined ? {} : { node });
    const agent = start();
    await operator.send({ generation: 1, scores, after: { motd: ["etc"] } });
    await operator.converged(1, () => agent.tail);
    expect(await readFile(join(root, "etc/motd"), "utf8")).toBe("hello\n");
    expect(await agent.kill("SIGTERM")).toEqual({ code: 0, signal: null });
  });

  test("that cannot start says why and ends with the code that is for it", async () => {
    const root = await temporaryFolder();
    const ended = async (args: readonly string[], at = root) => {
      const agent = new AgentProcess({ harmony, url: "nats://127.0.0.1:1", root: at, args });
      onTestFinished(async () => void (await agent.exited));
      const { code } = await agent.exited;
      return [code, agent.tail] as const;
    };
    expect(await ended(["--no-such-flag"])).toEqual([2, expect.stringContaining("--no-such-flag")]);
    await writeFile(join(root, "file"), "");
    expect(await ended(["--state-dir", join(root, "file")])).toEqual([1, expect.stringContaining(join(root, "file"))]);
    expect(await ended(["--trust", `ops=${join(root, "file")}`])).toEqual([
      1,
      expect.stringContaining("harmony agent:"),
    ]);
  });
});
