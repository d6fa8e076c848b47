import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { natsServer } from "../../support/nats-server.ts";
import { AgentProcess, install, temporaryFolder } from "../support/agent-process.ts";
import { eventually } from "../support/eventually.ts";
import { file, unknownKind } from "../support/manifests.ts";
import { Operator } from "../support/operator.ts";

let harmony = "";
beforeAll(async () => {
  const installed = await install();
  ({ harmony } = installed);
  return installed.remove;
});

test("a manifest that fails is taken back, on a real disk, told to a real server, and still after a kill and with no server", async () => {
  const root = await temporaryFolder();
  const { url } = await natsServer();
  const operator = await Operator.connect(url);
  const agent = new AgentProcess({ harmony, url, root });
  const motd = (): Promise<string> => readFile(join(root, "motd"), "utf8").catch(() => "");
  await operator.send({ generation: 1, scores: { motd: file("/motd", "good") } });
  await operator.converged(1, () => agent.tail);
  const scores = { motd: file("/motd", "bad"), odd: unknownKind() };
  await operator.send({ generation: 2, scores, rollbackOnFailure: { withinSeconds: 600 } });
  const told = await operator.told(
    "it is taken back",
    ({ rolledBack, scores: { motd: of } }) => rolledBack !== undefined && of?.state === "Ready" && of.generation === 1,
    () => agent.tail,
  );
  expect(told).toMatchObject({
    generation: 2,
    observedGeneration: 1,
    rolledBack: { generation: 2, to: 1, why: "FailedForGood", scores: { odd: { error: { reason: "UnknownKind" } } } },
  });
  expect(await motd()).toBe("good");
  await agent.kill("SIGKILL");

  const alone = new AgentProcess({ harmony, url: "nats://127.0.0.1:1", root });
  expect((await alone.logged("going on from the ledger")).fields).toMatchObject({ generation: 1 });
  await alone.kill("SIGTERM");
  expect(await motd()).toBe("good");

  const again = new AgentProcess({ harmony, url, root });
  await operator.send({
    generation: 3,
    scores: { motd: file("/motd", "newer") },
    rollbackOnFailure: { withinSeconds: 600 },
  });
  const last = await operator.converged(3, () => again.tail);
  expect(last).not.toHaveProperty("rolledBack");
  await eventually("the newer one is there", async () => (await motd()) === "newer");
});
