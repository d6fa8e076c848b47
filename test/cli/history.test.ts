import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { connectStore } from "../../src/wire/nats/connect.ts";
import { AgentProcess, install, temporaryFolder } from "../agent/support/agent-process.ts";
import { RestartableServer } from "../agent/support/restartable-server.ts";
import { envelopeOf, file } from "../agent/support/manifests.ts";
import { natsServer } from "../support/nats-server.ts";
import { folder, harmony, type HowToRun, manifestOf } from "./in-process.ts";
import { json } from "./scripted-fleet.ts";

let bundle = "";
beforeAll(async () => {
  const installed = await install();
  bundle = installed.harmony;
  return installed.remove;
});

const keys = { ada: generateKeyPairSync("ed25519"), ben: generateKeyPairSync("ed25519") };
const pem = (key: KeyObject): string => key.export({ type: "pkcs8", format: "pem" }).toString();
const pub = (key: KeyObject): string => key.export({ type: "spki", format: "pem" }).toString();

/** A server, somebody at its command line, and a device with a real agent where that is wanted. */
async function scene({ url, agent = true }: { readonly url?: string; readonly agent?: boolean } = {}) {
  const server = url ?? (await natsServer()).url;
  const root = await temporaryFolder();
  const cwd = folder({
    "one.ts": manifestOf({ motd: ["/srv/motd", "hello\nworld\n"], site: ["/srv/site", "1"] }),
    "two.ts": manifestOf({ motd: ["/srv/motd", "hello\nthere\n"], site: ["/srv/site", "1"], more: ["/srv/more", ""] }),
    // A file below a file cannot be.
    "bad.ts": manifestOf({ motd: ["/srv/motd", "hello\nthere\n"], below: ["/srv/motd/below", ""] }),
    "ada.pem": pem(keys.ada.privateKey),
    "ben.pem": pem(keys.ben.privateKey),
    "ben.pub": pub(keys.ben.publicKey),
  });
  const env = { HARMONY_KNOWN_DEVICES: join(cwd, "known-devices.json") };
  const run = (words: readonly string[], how: HowToRun = {}) =>
    harmony([...words, "--server", server], { cwd, env, ...how });
  const apply = (name: string, ...words: readonly string[]) => run(["apply", name, "--agent", "pi-7", ...words]);
  const history = async (...words: readonly string[]) => json((await run(["history", "pi-7", "--json", ...words])).out);
  if (agent) void new AgentProcess({ harmony: bundle, url: server, root });
  return { url: server, root, cwd, run, apply, history };
}

/** Another client, which may write whatever it likes. */
async function writer(url: string) {
  const connected = await connectStore({ servers: url });
  if (connected._tag === "Unreachable") throw new Error(connected.message);
  onTestFinished(() => connected.store.close());
  return connected.store;
}

test("what was shipped, by whom, why and what came of it is shown; each can be compared, and shipped again", async () => {
  const { root, run, apply, history } = await scene();
  expect((await apply("one.ts", "--message", "the first", "--sign", "ada=ada.pem")).code).toBe(0);
  expect((await apply("two.ts")).code).toBe(0);
  expect((await apply("bad.ts", "-m", "below a file", "--timeout", "3s")).code).toBe(1);

  await vi.waitFor(async () => {
    expect(await history()).toMatchObject({
      agentId: "pi-7",
      hasMore: false,
      entries: [
        {
          generation: 3,
          signedBy: [],
          message: "below a file",
          changes: { added: ["below"], changed: [], removed: ["site", "more"] },
          result: { _tag: "Settled", states: { Ready: 1, Failed: 1 }, rolledBack: false },
        },
        {
          generation: 2,
          message: null,
          changes: { added: ["more"], changed: ["motd"], removed: [] },
          result: { _tag: "Settled", states: { Ready: 3 } },
        },
        {
          generation: 1,
          signedBy: ["ada"],
          message: "the first",
          changes: null,
          scores: 2,
          result: { _tag: "Settled" },
        },
      ],
    });
  });
  const shown = await run(["history", "pi-7", "--limit", "2"]);
  expect(shown.out).toMatch(
    /^GENERATION .*\n3 .* \+below -site -more .*1 Ready, 1 Failed.* below a file\n2 .*3 Ready\n$/,
  );
  expect(shown.err).toContain("Older ones are kept");

  const diff = await run(["diff", "pi-7", "1", "2"]);
  expect(diff).toMatchObject({ code: 0 });
  expect(diff.out).toMatch(
    /^~ motd \(File@1\)\n {4}spec.content:\n {6}@@ .*\n {7}hello\n {6}-world\n {6}\+there\n\+ more/,
  );
  expect(json((await run(["diff", "pi-7", "1", "2", "--json"])).out)).toMatchObject({
    from: 1,
    to: 2,
    scores: [
      {
        id: "motd",
        change: "changed",
        fields: [{ field: "spec.content", before: "hello\nworld\n", after: "hello\nthere\n" }],
      },
      { id: "more", kind: "File@1", change: "added" },
    ],
  });
  expect((await run(["diff", "pi-7", "2", "2"])).err).toContain("are the same");

  // The text has been the same since generation 2; nothing below it ever worked.
  expect(json((await run(["blame", "pi-7", "motd", "--json"])).out)).toMatchObject({
    since: { generation: 2, signedBy: [], message: null },
    isOldest: false,
    status: { state: "Ready" },
  });
  const blamed = await run(["blame", "pi-7", "below"]);
  expect(blamed.out).toMatch(
    /^below is as it is since generation 3\n.*\n {2}below a file\n {2}Failed since .*\n.*the first cause: .*\n {2}whose it is: \w+; to do: /,
  );

  const back = await run(["rollback", "pi-7", "--to", "1", "--yes"]);
  expect(back.err).toMatch(/CHANGE motd \(File\)/);
  expect(back.err).toContain("has converged on generation 4: all 2 Scores are Ready");
  expect(back.code).toBe(0);
  expect(await readFile(join(root, "srv/motd"), "utf8")).toBe("hello\nworld\n");
  expect(await history("--limit", "1")).toMatchObject({
    entries: [{ generation: 4, signedBy: [], message: "back to generation 1", changes: { added: ["site"] } }],
    hasMore: true,
  });
});

test("asks before it ships, and says what cannot be", async () => {
  const { run, apply, root } = await scene();
  await apply("one.ts");
  await apply("two.ts");
  expect(await run(["rollback", "pi-7", "--to", "1"])).toMatchObject({ code: 2, out: "" });
  const declined = await run(["rollback", "pi-7", "--to", "1"], { terminal: true, answer: "n" });
  expect(declined.err).toContain("Nothing was shipped.");
  expect(declined.code).toBe(1);
  expect(await readFile(join(root, "srv/motd"), "utf8")).toBe("hello\nthere\n");
  const taken = await run(["rollback", "pi-7", "--to", "1", "--message", "on second thoughts"], {
    terminal: true,
    answer: "y",
  });
  expect(taken.code).toBe(0);
  expect(await readFile(join(root, "srv/motd"), "utf8")).toBe("hello\nworld\n");

  for (const [words, said] of [
    [["rollback", "pi-7", "--to", "3", "--yes"], "generation 3 is the newest of pi-7"],
    [["rollback", "pi-7", "--to", "9", "--yes"], "Those from 1 to 3 are"],
    [["diff", "pi-7", "1", "9"], "no generation 9 of pi-7 is kept"],
    [["history", "pi-8"], "nothing is known of agent pi-8"],
    [["blame", "pi-7", "motf"], "Did you mean motd?"],
    [["blame", "pi-8", "motd"], "nothing is known of agent pi-8"],
  ] as const) {
    const { code, err } = await run(words);
    expect(err).toContain(said);
    expect(code).toBe(1);
  }
});

test("far more are kept than the 64 of a key-value bucket, also over a crash of the server and beside another agent's", async () => {
  const server = await RestartableServer.start();
  const { apply, history, run } = await scene({ url: server.url, agent: false });
  await apply("one.ts", "--no-wait");
  const store = await writer(server.url);
  for (let generation = 2; generation <= 150; generation += 1) {
    const scores = { motd: file("/srv/motd", String(generation)) };
    for (const key of ["pi-7", "pi-8"]) await store.put("desired-state", key, envelopeOf({ generation, scores }));
  }
  await server.kill();
  await server.again();
  expect(await history("--limit", "1000")).toMatchObject({
    hasMore: false,
    entries: Array.from({ length: 150 }, (_, at) => ({ generation: 150 - at })),
  });
  const diff = json((await run(["diff", "pi-7", "2", "150", "--json"])).out);
  expect(diff).toMatchObject({ scores: [{ id: "motd", fields: [{ before: "2", after: "150" }] }] });
});

test("who signed is told by the device's word; a name that anybody wrote beside a signature is told as that", async () => {
  const { apply, run, url, root, history } = await scene({ agent: false });
  const trust = Object.entries(keys).map(([name, { publicKey }]) => [name, pub(publicKey)] as const);
  for (const [name, text] of trust) await writeFile(join(root, `${name}.pub`), text);
  const args = trust.flatMap(([name]) => ["--trust", `${name}=${join(root, `${name}.pub`)}`]);
  void new AgentProcess({ harmony: bundle, url, root, args });
  expect((await apply("one.ts", "--sign", "ada=ada.pem")).code).toBe(0);
  expect((await apply("two.ts", "--sign", "ada=ada.pem", "--sign", "ben=ben.pem", "-m", "both of us")).code).toBe(0);
  const store = await writer(url);
  const forged = JSON.parse(new TextDecoder().decode(envelopeOf({ generation: 3, scores: { motd: file("/m", "") } })));
  const signatures = [{ key: "ben", sig: Buffer.alloc(64).toString("base64") }];
  await store.put("desired-state", "pi-7", new TextEncoder().encode(JSON.stringify({ ...forged, signatures })));
  await vi.waitFor(async () => {
    expect(await history()).toMatchObject({
      entries: [
        { generation: 3, signedBy: ["ben"], verifiedBy: [], result: { _tag: "Refused", reason: "BadSignature" } },
        { generation: 2, signedBy: ["ada", "ben"], verifiedBy: ["ada", "ben"] },
        { generation: 1, signedBy: ["ada"], verifiedBy: ["ada"] },
      ],
    });
  });
  expect((await run(["history", "pi-7"])).out).toMatch(
    /\n3 .* ben\? .*refused: BadSignature.*\n2 .* ada\+ben .* both of us\n1 .* ada .*\n$/,
  );
  // It is as the forged one has it, and the agent has not taken that.
  expect((await run(["blame", "pi-7", "motd"])).out).toMatch(
    /since generation 3\n.*signed by ben \(not verified\)\n {2}Ready since .*\n {2}that is of what it was before/,
  );
  expect((await run(["rollback", "pi-7", "--to", "2", "--yes", "--sign", "ben=ben.pem"])).code).toBe(0);
  const blamed = await run(["blame", "pi-7", "motd"]);
  expect(blamed.out).toMatch(/since generation 4\n.*signed by ben\n {2}back to generation 2\n/);
  expect(blamed.out).not.toContain("was before");
  expect((await run(["remove", "pi-7", "--yes", "--sign", "ada=ada.pem", "-m", "it is sold"])).code).toBe(0);
  expect(await history("-n", "1")).toMatchObject({ entries: [{ message: "it is sold", verifiedBy: ["ada"] }] });
});

test("a way back brings what is too large for one message, and its secret, also over a crash of the server", async () => {
  const server = await RestartableServer.start();
  const { apply, run, root, cwd } = await scene({ url: server.url });
  // 1.2 MiB of it, where the server takes one.
  const lines = Array.from({ length: 20 }, (_, at) => `"big-${at}": big(${at}),`);
  await writeFile(
    join(cwd, "large.ts"),
    `import { FileScore, manifest, PiTopology, secret } from "harmony-edge";
     const big = (at: number) =>
       new FileScore({ path: \`/srv/big-\${at}\`, content: String(at).padEnd(60_000, "x"), parents: true });
     export default manifest(PiTopology, {
       psk: new FileScore({ path: "/srv/psk", content: secret("psk"), parents: true }),
       ${lines.join(" ")}
     });`,
  );
  await writeFile(join(cwd, "psk.txt"), "hush");
  // From then on it is known what secrets are sealed for.
  expect((await apply("one.ts")).code).toBe(0);
  expect((await apply("large.ts", "--secret", "psk=psk.txt", "--pin")).code).toBe(0);
  expect((await apply("two.ts")).code).toBe(0);
  await expect(readFile(join(root, "srv/psk"))).rejects.toThrow("ENOENT");
  await server.kill();
  await server.again();
  const back = await run(["rollback", "pi-7", "--to", "2", "--yes"]);
  expect(back.err).toContain("all 21 Scores are Ready");
  expect(back.code).toBe(0);
  expect(await readFile(join(root, "srv/psk"), "utf8")).toBe("hush");
  expect((await readFile(join(root, "srv/big-19"), "utf8")).length).toBe(60_000);
});

test("what came of a pair's manifest is told by its members, also why it was shipped", async () => {
  const { apply, run, url, history } = await scene({ agent: false });
  const store = await writer(url);
  expect(await store.ensureBuckets()).toEqual({ _tag: "Ready" });
  for (const id of ["box-a", "box-b"]) {
    const args = ["--id", id, "--failover", "pi-7"];
    void new AgentProcess({ harmony: bundle, url, root: await temporaryFolder(), args });
  }
  // With a message, once both have said that they take one.
  await vi.waitFor(
    async () => {
      for (const id of ["box-a", "box-b", "pi-7"]) {
        expect((await store.get("capabilities", id))._tag).toBe("Value");
      }
    },
    { timeout: 60_000, interval: 200 },
  );
  expect((await apply("one.ts", "-m", "for both")).code).toBe(0);
  expect((await apply("two.ts")).code).toBe(0);
  expect((await run(["rollback", "pi-7", "--to", "1", "--yes"])).code).toBe(0);
  await vi.waitFor(async () => {
    expect(await history()).toMatchObject({
      entries: [
        { generation: 3, message: "back to generation 1", result: { _tag: "Settled", states: { Ready: 2 } } },
        { generation: 2, result: { _tag: "Settled", states: { Ready: 3 } } },
        { generation: 1, message: "for both", result: { _tag: "Settled" } },
      ],
    });
  }, 10_000);
});

test("of a device that does not answer, what follows from what it told last is shown, and the way back waits for it", async () => {
  const { apply, run } = await scene({ agent: false });
  await apply("one.ts", "--no-wait");
  await apply("two.ts", "--no-wait");
  const back = await run(["rollback", "pi-7", "--to", "1", "--yes", "--no-wait"]);
  expect(back.err).toMatch(/pi-7 is not connected[^]*pi-7 does not answer[^]*ADD {4}motd[^]*generation 3 is stored/);
  expect(back.code).toBe(0);
});

describe("who signs a way back", () => {
  test("does so for what they have signed themselves, or somebody whom they name, and for nothing else", async () => {
    const { apply, run, url, history } = await scene({ agent: false });
    await apply("one.ts", "--no-wait", "--sign", "ada=ada.pem");
    await apply("two.ts", "--no-wait", "--sign", "ben=ben.pem");
    // Somebody who may write and has no key.
    const store = await writer(url);
    await store.put("desired-state", "pi-7", envelopeOf({ generation: 3, scores: { evil: file("/etc/evil", "") } }));
    await apply("bad.ts", "--no-wait", "--sign", "ada=ada.pem");
    const back = (to: number, ...words: readonly string[]) =>
      run(["rollback", "pi-7", "--to", String(to), "--yes", "--no-wait", "--sign", "ada=ada.pem", ...words]);

    for (const generation of [2, 3]) {
      const refused = await back(generation);
      expect(refused.err).toContain(`generation ${generation} is not signed by a key of yours`);
      expect(refused.code).toBe(1);
    }
    expect((await back(1)).code).toBe(0);
    expect((await back(2, "--trust", "ben=ben.pub")).code).toBe(0);
    expect((await back(3, "--trust", "ben=ben.pub")).code).toBe(1);
    expect(await history("--limit", "2")).toMatchObject({
      entries: [
        { generation: 6, signedBy: ["ada"], message: "back to generation 2" },
        { generation: 5, signedBy: ["ada"], message: "back to generation 1" },
      ],
    });
  });

  test("ships none that was made for another agent", async () => {
    const { apply, run, url } = await scene({ agent: false });
    await apply("one.ts", "--no-wait");
    const store = await writer(url);
    const scores = { motd: file("/srv/motd", "") };
    await store.put("desired-state", "pi-7", envelopeOf({ generation: 2, scores, agentId: "pi-8" }));
    await apply("two.ts", "--no-wait");
    const refused = await run(["rollback", "pi-7", "--to", "2", "--yes"]);
    expect(refused.err).toContain("generation 2 was made for pi-8");
    expect(refused.code).toBe(1);
  });
});

test("a key that was deleted, and what is no manifest, are shown as that, and hide nothing", async () => {
  const { apply, run, url, history } = await scene({ agent: false });
  await apply("one.ts", "--no-wait");
  const store = await writer(url);
  await store.put("desired-state", "pi-7", new TextEncoder().encode("{"));
  await store.delete("desired-state", "pi-7");
  await apply("two.ts", "--no-wait");
  expect(await history()).toMatchObject({
    entries: [
      { generation: 1, changes: { added: ["more"] } },
      { _tag: "Deleted" },
      { _tag: "Unreadable" },
      { generation: 1 },
    ],
  });
  expect((await run(["history", "pi-7"])).out).toMatch(/the key was deleted[^]*cannot be read/);
});
