import { spawn } from "node:child_process";
import { readFile, stat, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { KINDS } from "../../../src/scores/index.ts";
import { publicKeyIn } from "../../../src/wire/authors.ts";
import { readBundle } from "../../../src/wire/bundle.ts";
import { inlineEnvelope } from "../../../src/wire/encode.ts";
import { verifyBundle } from "../../../src/wire/verify-bundle.ts";
import { natsServer } from "../../support/nats-server.ts";
import { AgentProcess, install, temporaryFolder } from "../support/agent-process.ts";
import { Author, authorsText, signedBy } from "../support/authors.ts";
import { eventually } from "../support/eventually.ts";
import { snapshot } from "../support/folder-snapshot.ts";
import { AGENT, envelopeOf, file } from "../support/manifests.ts";
import { Operator, reasonOf } from "../support/operator.ts";

let harmony = "";
beforeAll(async () => {
  const installed = await install();
  ({ harmony } = installed);
  return installed.remove;
});

const [ada, mallory] = [new Author("ada"), new Author("mallory")];
/** Nothing listens there. */
const NOWHERE = "nats://127.0.0.1:1";

async function scene() {
  const [root, outside] = [await temporaryFolder(), await temporaryFolder()];
  const authors = join(outside, "authors.json");
  await writeFile(authors, authorsText(ada));
  const start = (url: string): AgentProcess => new AgentProcess({ harmony, url, root, args: ["--authors", authors] });
  const run = (...words: readonly string[]) =>
    new Promise<{ readonly code: number | null; readonly out: string; readonly err: string }>((done) => {
      const child = spawn(process.execPath, [harmony, "agent", ...words, "--root", root]);
      let [out, err] = ["", ""];
      child.stdout.setEncoding("utf8").on("data", (text: string) => (out += text));
      child.stderr.setEncoding("utf8").on("data", (text: string) => (err += text));
      child.once("close", (code) => done({ code, out, err }));
    });
  const take = async (bytes: Uint8Array, ...words: readonly string[]) => {
    const bundle = join(outside, "bundle.json");
    await writeFile(bundle, bytes);
    return run("take", bundle, ...words);
  };
  return { root, outside, start, run, take };
}
const manifest = (generation: number, content: string) => ({ generation, scores: { motd: file("/motd", content) } });

test("a device that no server reaches takes a signed bundle from a file, refuses others by name, and its signed status tells so", async () => {
  const { root, outside, start, run, take } = await scene();
  expect(await take(signedBy([ada], manifest(1, "x")))).toMatchObject({
    code: 4,
    err: expect.stringContaining("no agent listens"),
  });
  const agent = start(NOWHERE);
  const socket = join(root, "var/lib/harmony-edge/agent/agent.sock");
  await eventually(
    "it can be asked",
    () =>
      stat(socket).then(
        ({ mode }) => (mode & 0o777) === 0o600,
        () => false,
      ),
    () => agent.tail,
  );

  for (const [bytes, reason] of [
    [envelopeOf(manifest(1, "evil")), "Unsigned"],
    [signedBy([mallory], manifest(1, "evil")), "UnknownKey"],
    [signedBy([ada], { ...manifest(1, "evil"), agentId: "pi-8" }), "WrongAgent"],
    [Buffer.from("no bundle"), "Malformed"],
  ] as const) {
    expect(await take(bytes)).toMatchObject({ code: 1, err: expect.stringContaining(`${reason}: `) });
  }
  expect(Object.keys(await snapshot(root, ["var"]))).toEqual([]);

  const taken = await take(signedBy([ada], manifest(2, "taken")), "--json");
  expect([taken.code, JSON.parse(taken.out)]).toEqual([0, { _tag: "Taken", agentId: AGENT, generation: 2 }]);
  await eventually(
    "it is so",
    () =>
      readFile(join(root, "motd"), "utf8").then(
        (text) => text === "taken",
        () => false,
      ),
    () => agent.tail,
  );
  expect(await take(signedBy([ada], manifest(1, "old")))).toMatchObject({
    code: 1,
    err: expect.stringContaining("StaleGeneration: "),
  });

  const [statusFile, keyFile] = [join(outside, "status.json"), join(outside, "pi-7.pub")];
  expect(await run("status", "--key", "-o", keyFile)).toMatchObject({ code: 0 });
  const key = publicKeyIn(await readFile(keyFile, "utf8"));
  if (key === null) throw new Error("no key");
  const verified = (bytes: Uint8Array): unknown => {
    const bundle = readBundle(bytes);
    if (bundle._tag !== "Status") return bundle;
    const trust = { trustedKeys: new Map([[AGENT, key]]) };
    const { refusal } = verifyBundle(bundle, {
      trust,
      agentId: AGENT,
      kinds: KINDS,
      policy: undefined,
      now: new Date(),
    });
    return refusal?.reason ?? bundle.report.status;
  };
  await eventually("its status says so", async () => {
    expect(await run("status", "-o", statusFile)).toMatchObject({ code: 0, out: "" });
    const told = verified(await readFile(statusFile));
    expect(told).toMatchObject({ agentId: AGENT, generation: 2, scores: { motd: {} } });
    return JSON.stringify(told).includes('"Converged"');
  });
  const carried = readBundle(await readFile(statusFile));
  if (carried._tag !== "Status") throw new Error("no status");
  const forged = carried.payload.replace('"generation":2', '"generation":3');
  expect(verified(inlineEnvelope(forged, carried.signatures))).toBe("BadSignature");

  // What it was handed is in force after a kill, and the key is the same.
  await agent.kill("SIGKILL");
  const again = start(NOWHERE);
  await again.logged("going on from the ledger", ({ generation }) => generation === 2);
  await eventually(
    "it can be asked again",
    async () => (await run("status", "--key")).out === (await readFile(keyFile, "utf8")),
    () => again.tail,
  );
  await again.kill("SIGTERM");
  expect(await stat(socket).catch(() => null)).toBeNull();
});

test("of bundles that are brought at once, and one by the server, the newest is in force in the end", async () => {
  const { url } = await natsServer();
  const operator = await Operator.connect(url);
  const { root, start, run, outside } = await scene();
  const agent = start(url);
  await operator.send(signedBy([ada], manifest(1, "1")));
  await operator.converged(1, () => agent.tail);
  const brought = [2, 3, 4, 5].map(async (generation) => {
    const path = join(outside, `${generation}.json`);
    await writeFile(path, signedBy([ada], manifest(generation, `${generation}`)));
    const { code, err } = await run("take", path);
    return code === 0 ? "taken" : /(\w+): /.exec(err.replace("harmony agent take: ", ""))?.[1];
  });
  await operator.send(signedBy([ada], manifest(6, "6")));
  for (const each of await Promise.all(brought)) expect(["taken", "StaleGeneration"]).toContain(each);
  await operator.converged(6, () => agent.tail);
  expect(await readFile(join(root, "motd"), "utf8")).toBe("6");

  // What lies in the key is older than what was brought: told, and not done.
  const path = join(outside, "7.json");
  await writeFile(path, signedBy([ada], manifest(7, "7")));
  expect(await run("take", path)).toMatchObject({ code: 0 });
  await operator.converged(7, () => agent.tail);
  await agent.kill("SIGTERM");
  const again = start(url);
  await operator.told(
    "the key is behind",
    (status) => reasonOf(status, "Accepted") === "StaleGeneration",
    () => again.tail,
  );
  expect(await readFile(join(root, "motd"), "utf8")).toBe("7");
});

test("who says nothing, or anything, on the device's socket is hung up on, and the agent goes on", async () => {
  const { root, start, run } = await scene();
  const agent = start(NOWHERE);
  const path = join(root, "var/lib/harmony-edge/agent/agent.sock");
  const said = (text: string): Promise<string> =>
    new Promise((done) => {
      let heard = "";
      const socket = connect({ path, allowHalfOpen: true });
      socket.on("data", (part) => (heard += part.toString()));
      socket.once("error", () => {}).once("close", () => done(heard));
      socket.once("end", () => socket.destroy());
      socket.end(text);
    });
  // The file is there a moment before anybody listens.
  await eventually(
    "it can be asked",
    async () => (await said("")) !== "",
    () => agent.tail,
  );
  for (const text of ["", "no JSON", "[".repeat(1_000_000), '{"ask":"format"}', '{"ask":"take","bundle":1}']) {
    expect(JSON.parse(await said(text))).toMatchObject({ _tag: "Failed" });
  }
  expect(await said("x".repeat(13 * 1024 * 1024))).toBe("");
  connect(path)
    .once("error", () => {})
    .destroy();
  expect(await run("status", "--key")).toMatchObject({ code: 0 });
  expect(agent.isRunning).toBe(true);
});
