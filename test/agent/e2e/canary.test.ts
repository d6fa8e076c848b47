import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, type Msg } from "nats";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { startNatsServer } from "../../../src/cli/nats-server.ts";
import { AgentId, askedSubjects } from "../../../src/wire/keys.ts";
import { folder, harmony as cli } from "../../cli/in-process.ts";
import { canary, filesBelow, foundIn, leaks, spellingsOf } from "../../support/canary.ts";
import { AgentProcess, install, temporaryFolder } from "../support/agent-process.ts";
import { eventually } from "../support/eventually.ts";
import { AGENT } from "../support/manifests.ts";
import { Operator } from "../support/operator.ts";

// For machines that are slow to start a process.
let harmony = "";
beforeAll(async () => {
  const installed = await install();
  ({ harmony } = installed);
  return installed.remove;
});

const FIRST = canary("first");
const SECOND = canary("second");

describe("the search for a canary", () => {
  test.each([...spellingsOf(FIRST).keys()])("finds it as %s, and nothing where it is not", (how) => {
    const spelt = spellingsOf(FIRST).get(how) ?? Buffer.of();
    expect(foundIn(Buffer.concat([Buffer.from("..."), spelt, Buffer.from("...")]), FIRST)).toContain(how);
    expect(foundIn("...cAn4ry...", FIRST)).toEqual([]);
    expect(foundIn(Buffer.from(`x${FIRST}y`).toString("base64"), FIRST)).not.toEqual([]);
  });
});

const source = (scores: string): string => `
  import { DirectoryScore, FileScore, manifest, PiTopology, secret } from "harmony-edge";
  export default manifest(PiTopology, { ${scores} });
`;
const PSK = `psk: new FileScore({ path: "/etc/wifi.psk", content: secret("wifi-psk"), parents: true }),`;
const FILES = {
  "wifi.ts": source(PSK),
  // A port says no while it holds the secret, and an obstacle stands in the way of another.
  "failing.ts": source(
    `${PSK} owned: new FileScore({ path: "/etc/owned", content: secret("wifi-psk"), owner: "nobody-here" }),
     dir: new FileScore({ path: "/srv/dir", content: secret("wifi-psk") }),`,
  ),
  // What was a secret becomes something else, at the same place.
  "plain.ts": source(
    `psk: new FileScore({ path: "/etc/wifi.psk", content: "${"no secret ".repeat(9)}", mode: "0600" }),`,
  ),
  // Somebody has copied the secret to where everybody may read it; and what was one becomes a text.
  "copied.ts": source(
    `${PSK} copy: new FileScore({ path: "/srv/copy", content: "ours" }),
     open: new FileScore({ path: "/srv/open", content: "ours" }),`,
  ),
  "none.ts": source(""),
};

test("a secret is nowhere but in its file: not on the wire, on the server's disk, in the ledger, a log or an output", async () => {
  const storeDir = await mkdtemp(join(tmpdir(), "harmony-test-nats-"));
  onTestFinished(() => rm(storeDir, { recursive: true, force: true }));
  const server = await startNatsServer({ storeDir, signal: new AbortController().signal });
  onTestFinished(() => server.stop());
  const { url } = server;
  const operator = await Operator.connect(url);

  // Every message that passes the server and could tell anything, with its headers.
  const messages: [string, Buffer][] = [];
  const tap = await connect({ servers: url });
  onTestFinished(() => tap.close());
  const callback = (_error: unknown, message: Msg): void => {
    const headers = message.headers === undefined ? "" : JSON.stringify([...message.headers]);
    messages.push([`message ${message.subject} ${headers}`, Buffer.concat([Buffer.from(headers), message.data])]);
  };
  // All but fleet.info, where it counts that nobody listens.
  for (const subject of [
    "$KV.>",
    "$O.>",
    "$JS.>",
    "_INBOX.>",
    "fleet.hint.>",
    ...askedSubjects(AgentId.parse(AGENT)),
  ]) {
    tap.subscribe(subject, { callback });
  }
  await tap.flush();

  const root = await temporaryFolder();
  await mkdir(join(root, "srv/dir"), { recursive: true });
  const agent = new AgentProcess({ harmony, url, root, args: ["--drift-interval", "500ms"] });
  await eventually(
    "the agent tells its key",
    async () => (await operator.capabilities())?.sealingKey,
    () => agent.tail,
  );

  const cwd = folder(FILES);
  const secrets = await temporaryFolder();
  await writeFile(join(secrets, "wifi-psk"), FIRST);
  const outputs: [string, string][] = [];
  const run = async (...argv: readonly string[]): Promise<number> => {
    const env = { HARMONY_SERVER: url, HARMONY_KNOWN_DEVICES: join(cwd, "known-devices.json") };
    const { code, out, err } = await cli(argv, { cwd, env, input: FIRST });
    outputs.push([`harmony ${argv.join(" ")}`, `${out}\n${err}`]);
    return code;
  };
  const psk = (): Promise<string> => readFile(join(root, "etc/wifi.psk"), "utf8");
  const to = ["--agent", AGENT] as const;
  const given = ["--secrets", secrets] as const;

  expect(await run("check", "wifi.ts", "--json")).toBe(0);
  expect(await run("apply", "wifi.ts", ...to, ...given)).toBe(1);
  expect(await run("plan", "wifi.ts", ...to, ...given, "--pin", "--json")).toBe(0);
  expect(await run("apply", "wifi.ts", ...to, "--secret", "wifi-psk=-", "--json")).toBe(0);
  expect(await psk()).toBe(FIRST);
  expect(await run("status", AGENT, "--json")).toBe(0);
  expect(await run("status", AGENT)).toBe(0);
  // Drift, both ways: what is found is told, and may be half of the secret.
  for (const drifted of [FIRST.slice(0, -1), `${FIRST}!`]) {
    await rm(join(root, "etc/wifi.psk"));
    await writeFile(join(root, "etc/wifi.psk"), drifted);
    await eventually(
      "it is repaired",
      async () => (await psk()) === FIRST,
      () => agent.tail,
    );
  }
  expect(await run("apply", "failing.ts", ...to)).toBe(1);
  expect(await run("status", AGENT, "--json")).toBe(0);
  expect(await run("plan", "failing.ts", ...to, "--json")).toBe(1);
  await writeFile(join(secrets, "wifi-psk"), SECOND);
  expect(await run("apply", "wifi.ts", ...to, ...given)).toBe(0);
  expect(await psk()).toBe(SECOND);
  expect(await run("apply", "wifi.ts", "--selector", "*", ...given)).toBe(0);
  expect(await run("rollout", "status", "--json")).toBe(0);
  // What stands on the device is shown in a plan, but for that.
  await writeFile(join(root, "srv/copy"), `psk=${SECOND}\n`, { mode: 0o644 });
  await writeFile(join(root, "srv/open"), "for everybody\n", { mode: 0o644 });
  expect(await run("plan", "copied.ts", ...to)).toBe(0);
  const shown = outputs.at(-1)?.[1];
  expect(shown).toContain("-for everybody");
  expect(shown).toContain("what stands at /srv/copy is not shown: it is a secret, or holds one");
  expect(await run("plan", "copied.ts", ...to, "--json")).toBe(0);
  await rm(join(root, "srv/copy"));
  // Something given by mistake in place of a file's name.
  expect(await run("apply", "wifi.ts", ...to, "--secret", FIRST)).toBe(2);
  expect(await run("plan", "plain.ts", ...to, "--json")).toBe(0);
  expect(outputs.at(-1)?.[1]).toMatch(/"because": ?"Secret"/);
  expect(await run("logs", AGENT, "--tail", "10000")).toBe(0);
  expect(await run("logs", AGENT, "--json")).toBe(0);
  // A start from the ledger.
  expect(await agent.kill("SIGTERM")).toMatchObject({ code: 0 });
  const second = new AgentProcess({ harmony, url, root, args: ["--drift-interval", "500ms"] });
  await second.logged("going on from the ledger");
  expect(await run("apply", "plain.ts", ...to, "--json")).toBe(0);
  expect(await run("apply", "wifi.ts", ...to, ...given)).toBe(0);
  expect(await psk()).toBe(SECOND);
  const inFile = leaks(
    [...filesBelow(root)].map(([path, bytes]) => [path.slice(root.length), bytes]),
    [FIRST, SECOND],
  );
  expect(await run("apply", "none.ts", ...to)).toBe(0);
  const afterwards = leaks(filesBelow(root), [FIRST, SECOND]);
  const ofProcess = [await readFile(`/proc/${second.pid}/cmdline`), await readFile(`/proc/${second.pid}/environ`)].map(
    (bytes, at): [string, Buffer] => [["command line", "environment"][at] ?? "", bytes],
  );
  await second.kill("SIGTERM");
  await tap.flush();
  await server.stop();

  // Without these there would be nothing to be found in.
  const stored = filesBelow(storeDir);
  expect(
    messages.filter(([subject]) => subject.startsWith(`message $KV.desired-state.${AGENT}`)).length,
  ).toBeGreaterThan(4);
  expect(messages.filter(([subject]) => subject.includes("plan")).length).toBeGreaterThan(2);
  expect([...stored.values()].some((bytes) => bytes.includes("wifi-psk"))).toBe(true);
  expect(messages.filter(([subject]) => subject.includes("fleet.logs")).length).toBeGreaterThan(1);
  const logs = [agent, second].map((each, at): [string, string] => [`log ${at}`, JSON.stringify(each.log)]);
  expect(logs[0]?.[1]).toContain("drift was repaired");

  const authors = [...filesBelow(cwd)];
  expect(leaks([...messages, ...stored, ...outputs, ...logs, ...ofProcess, ...authors], [FIRST, SECOND])).toEqual([]);
  expect(inFile.filter((place) => !place.startsWith("/etc/wifi.psk: "))).toEqual([]);
  expect(inFile).toContain("/etc/wifi.psk: itself");
  expect(afterwards).toEqual([]);
});
