import { generateKeyPairSync } from "node:crypto";
import { mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { signPolicy } from "../../../src/wire/signed-policy.ts";
import type { AgentStatus } from "../../../src/wire/status.ts";
import { natsServer } from "../../support/nats-server.ts";
import { AgentProcess, install, temporaryFolder } from "../support/agent-process.ts";
import { eventually } from "../support/eventually.ts";
import { directory, file, type Wanted } from "../support/manifests.ts";
import { Operator, reasonOf } from "../support/operator.ts";

let harmony = "";
beforeAll(async () => {
  const installed = await install();
  ({ harmony } = installed);
  return installed.remove;
});

test("a message changes neither the policy nor what it protects, and is refused by the name of the rule", async () => {
  const root = await temporaryFolder();
  const { url } = await natsServer();
  const operator = await Operator.connect(url);
  await mkdir(join(root, "etc"));
  await mkdir(join(root, "srv"));
  await mkdir(join(root, "kept"));
  // A link below an allowed path that leads out of it.
  await symlink("../etc", join(root, "srv", "out"));
  const policy = join(root, "etc", "policy.json");
  const text = '{"paths":["/srv","/etc/policy.json","/var"],"limits":{"scores":6}}';
  await writeFile(policy, text);
  const args = ["--policy", policy];
  const agent = new AgentProcess({ harmony, url, root, args });
  const on = (path: string): Promise<string> => readFile(join(root, path), "utf8").catch(() => "(none)");
  await operator.send({ generation: 1, scores: { good: file("/srv/good", "1") } });
  await operator.converged(1, () => agent.tail);

  const bad: Wanted["scores"] = {
    good: file("/srv/good", "2"),
    policy: file("/etc/policy.json", "{}"),
    ledger: file("/var/lib/harmony-edge/agent/policy.json", "{}"),
    above: directory("/var/lib"),
    beside: file("/srv-x", "x"),
    link: file("/srv/out/motd", "x"),
  };
  await operator.send({ generation: 2, scores: bad });
  const told = await operator.told(
    "all is decided",
    (status) => reasonOf(status, "Ready") === "ScoresFailed",
    () => agent.tail,
  );
  const said = Object.entries(told.scores).map(([id, { state, error }]) => [id, state, error?.reason, error?.message]);
  const denied = (id: string, words: string): readonly unknown[] => [
    id,
    "Refused",
    "PolicyDenied",
    expect.stringContaining(words),
  ];
  expect(said).toEqual(
    expect.arrayContaining([
      ["good", "Ready", undefined, undefined],
      denied("policy", "/etc/policy.json is the agent's own"),
      denied("ledger", "/var/lib/harmony-edge/agent is the agent's own"),
      denied("above", "/var/lib/harmony-edge/agent is the agent's own"),
      denied("beside", 'the rule "paths" of the policy'),
      // The policy goes by names; that no link is followed is for the file system.
      ["link", "Failed", "Obstructed", expect.stringContaining("link")],
    ]),
  );
  expect([await on("etc/policy.json"), await on("srv-x"), await on("etc/motd")]).toEqual([text, "(none)", "(none)"]);

  const many = Object.fromEntries(Array.from({ length: 7 }, (_, at) => [`s${at}`, file(`/srv/${at}`, "x")]));
  await operator.send({ generation: 3, scores: many });
  await operator.told(
    "it is too much",
    (status) => reasonOf(status, "Accepted") === "PolicyDenied",
    () => agent.tail,
  );
  expect([await on("srv/good"), await on("srv/0")]).toEqual(["2", "(none)"]);

  // Nobody can say what a broken policy allows, also not after a kill.
  await writeFile(policy, "{");
  await agent.kill("SIGKILL");
  const again = new AgentProcess({ harmony, url, root, args });
  await operator.send({ generation: 4, scores: { good: file("/srv/good", "4") } });
  const unread = await operator.told(
    "it cannot be read",
    ({ conditions }) => conditions.some(({ message }) => message.includes("the device's policy cannot be read")),
    () => again.tail,
  );
  expect(unread.generation).toBe(2);
  expect(await on("srv/good")).toBe("2");
  expect(unread.scores["policy"]).toMatchObject({ state: "Refused" });

  await writeFile(policy, '{"paths":["/srv"]}');
  await eventually(
    "what came meanwhile is taken",
    async () => (await on("srv/good")) === "4",
    () => again.tail,
  );
});

test("a signed policy that comes as a File of an author's binds that author too, and stays when it is taken away", async () => {
  const root = await temporaryFolder();
  const { url } = await natsServer();
  const operator = await Operator.connect(url);
  const owner = generateKeyPairSync("ed25519");
  const pem = join(root, "owner.pub");
  await mkdir(join(root, "srv"));
  await writeFile(pem, owner.publicKey.export({ type: "spki", format: "pem" }));
  const args = ["--signed-policy", join(root, "srv/signed.json"), "--policy-key", `owner=${pem}`];
  const agent = new AgentProcess({ harmony, url, root, args });
  const signed = (serial: number, paths: readonly string[]): Wanted["scores"] => {
    const statement = { agent: "*" as const, serial, issuedAt: new Date().toISOString(), rules: { paths: [...paths] } };
    const document = signPolicy(statement, [{ key: "owner", privateKey: owner.privateKey }]);
    return { policy: file("/srv/signed.json", JSON.stringify(document)) };
  };
  await operator.send({ generation: 1, scores: { ...signed(3, ["/srv"]), motd: file("/motd", "1") } });
  const refused = (status: AgentStatus): boolean =>
    status.scores["motd"]?.error?.message.includes('the rule "paths" of the policy signed by owner, serial 3') === true;
  await operator.told("what it does not allow is refused", refused, () => agent.tail);

  // The author may write the file, and yet not loosen it.
  await operator.send({ generation: 2, scores: { ...signed(2, ["/"]), motd: file("/motd", "2") } });
  await operator.told(
    "an older one is refused",
    (status) => status.generation === 2 && refused(status),
    () => agent.tail,
  );
  await agent.logged("refused a signed policy", ({ reason }) => reason === "StaleSerial");
  await eventually("its owner is told of it, beside what is in force", async () => {
    const { signed: told } = (await operator.capabilities())?.policy ?? {};
    return told?.serial === 3 && told.key === "owner" && told.refused?.reason === "StaleSerial";
  });
  await operator.send({ generation: 3, scores: { motd: file("/motd", "3") } });
  await operator.told(
    "it stays",
    (status) => status.generation === 3 && refused(status),
    () => agent.tail,
  );
  await agent.kill("SIGKILL");
  const again = new AgentProcess({ harmony, url, root, args });
  await operator.send({ generation: 4, scores: { motd: file("/motd", "4") } });
  await operator.told(
    "over a kill too",
    (status) => status.generation === 4 && refused(status),
    () => again.tail,
  );

  await operator.send({ generation: 5, scores: signed(4, ["/"]) });
  await operator.converged(5, () => again.tail);
  await eventually("nothing is refused any more", async () => {
    const { signed: told } = (await operator.capabilities())?.policy ?? {};
    return told?.serial === 4 && told.refused === null;
  });
  await operator.send({ generation: 6, scores: { ...signed(4, ["/"]), motd: file("/motd", "6") } });
  await operator.converged(6, () => again.tail);
  expect(await readFile(join(root, "motd"), "utf8")).toBe("6");
});
