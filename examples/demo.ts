// The whole road in about twenty seconds: `npm run demo`. A real nats-server, a real agent in a sandbox directory, and
// the same `harmony` command that everybody uses. Ends with status 0 only if everything went as it says.
import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "nats";
import { startNatsServer } from "../src/cli/nats-server.ts";
import {
  bold,
  chapter,
  HARMONY,
  here,
  indented,
  interrupted,
  operator,
  outcomeOf,
  run,
  say,
  until,
} from "./demo/telling.ts";

const AGENT = "kiosk-1";

const ending = (child: ChildProcess): Promise<void> =>
  child.exitCode === null && child.signalCode === null
    ? new Promise((resolve) => child.once("exit", () => resolve()))
    : Promise.resolve();

const folder = await mkdtemp(join(tmpdir(), "harmony-demo-"));
const root = join(folder, "device");
await mkdir(root);
const server = await startNatsServer({ storeDir: join(folder, "nats"), signal: interrupted });
const { harmony, status } = operator(server.url, AGENT);
const agent = spawn(
  process.execPath,
  [HARMONY, "agent", "run", "--id", AGENT, "--root", root, "--server", server.url],
  {
    stdio: ["ignore", "ignore", "pipe"],
  },
);
let agentLog = "";
agent.stderr.on("data", (chunk: Buffer) => (agentLog = `${agentLog}${chunk.toString()}`.slice(-20_000)));

try {
  await tell();
  say(`\n${bold("Done.")} Everything above really happened in ${root}, which is removed now.`);
} catch (error) {
  process.stderr.write(
    `\nThe demo failed: ${error instanceof Error ? error.message : String(error)}\n\nThe agent's last words:\n${agentLog.slice(-2000)}\n`,
  );
  process.exitCode = 1;
} finally {
  agent.kill("SIGTERM");
  await ending(agent);
  await server.stop();
  await rm(folder, { recursive: true, force: true });
}

async function tell(): Promise<void> {
  chapter("A nats-server and an agent");
  say(`nats-server at ${server.url}; agent "${AGENT}", whose whole file system is ${root}`);

  chapter("A developer's Scores travel to the device");
  const kiosk = here("kiosk.ts");
  const shipped = await harmony("apply", kiosk, "--agent", AGENT);
  assert.equal(shipped.code, 0, "the kiosk is applied");
  assert.equal(outcomeOf(await status()), "SUCCESS", "every Score is a SUCCESS");
  const motd = join(root, "etc/motd");
  say(`\nOn the device, /etc/motd says:\n${indented(await readFile(motd, "utf8"))}`);

  chapter("Once more: nothing to do, and nothing is done");
  const before = await stat(motd);
  assert.equal((await harmony("apply", kiosk, "--agent", AGENT)).code, 0);
  assert.equal(outcomeOf(await status()), "NOOP", "every Score is a NOOP");
  assert.equal((await stat(motd)).ino, before.ino, "the file was not written again");

  chapter("Somebody tampers with a file; it is repaired");
  const good = await readFile(motd, "utf8");
  await writeFile(motd, "hacked\n");
  const began = performance.now();
  say('wrote "hacked" into /etc/motd');
  await until("the repair of /etc/motd", async () => ((await readFile(motd, "utf8")) === good ? true : undefined));
  say(`repaired after ${Math.round(performance.now() - began)} ms (looking every 50)`);
  const repaired = await until("the repair in the status", async () => {
    const { motd: told } = (await status()).scores;
    return told?.change === "corrective" ? told : undefined;
  });
  say(`status of motd: ${repaired.state}, outcome ${repaired.outcome}, change ${repaired.change}`);

  chapter("A Score is dropped; what it made is removed");
  const smaller = join(folder, "kiosk-smaller.ts");
  const text = await readFile(kiosk, "utf8");
  await writeFile(smaller, withoutMotd(text));
  assert.equal((await harmony("apply", smaller, "--agent", AGENT)).code, 0);
  await assert.rejects(stat(motd), { code: "ENOENT" }, "/etc/motd is gone");
  say("/etc/motd is gone; the rest of the kiosk is untouched");

  chapter("A Score that the device cannot run: three gates refuse it");
  const refused = here("refused/cluster-on-pi.ts");
  const sentence = "K8sDeploymentScore requires K8sClient, which PiTopology lacks";

  say(bold("1. the compiler"));
  say(bold("$ tsc --noEmit"));
  const compiled = await run(process.execPath, [
    here("../node_modules/@typescript/native/bin/tsc"),
    "--noEmit",
    "-p",
    here("refused"),
  ]);
  say(indented(compiled.out.replaceAll(here("../"), "")));
  assert.notEqual(compiled.code, 0);
  assert.ok(compiled.out.includes(sentence), "the compiler says the sentence");

  say(bold("2. the checker in CI"));
  const checked = await harmony("check", refused);
  assert.equal(checked.code, 1);
  assert.ok(`${checked.out}${checked.err}`.includes(sentence), "the checker says the sentence");

  say(bold("3. the agent's decoder, when somebody writes past both into the key"));
  const nats = await connect({ servers: server.url });
  const desired = await nats.jetstream().views.kv("desired-state");
  const { observedGeneration } = await status();
  const payload = JSON.stringify({
    agentId: AGENT,
    generation: observedGeneration + 1,
    issuedAt: new Date().toISOString(),
    scores: {
      web: {
        kind: "K8sDeployment",
        version: 1,
        requires: ["K8sClient"],
        spec: { json: { name: "web", image: "registry.example/web:1" } },
      },
    },
  });
  await desired.put(AGENT, JSON.stringify({ wire: 1, payload, signatures: [] }));
  await nats.close();
  const refusal = await until("the decoder's refusal", async () => (await status()).scores["web"]?.error ?? undefined);
  say(indented(`web: Refused, ${refusal.reason}: ${refusal.message}`));
  assert.equal(refusal.reason, "MissingCapability");
  assert.equal(refusal.message, sentence);
  say("One declaration, three gates, one sentence.");
}

/** The kiosk without its motd, and its import of the package as it stands. */
function withoutMotd(text: string): string {
  const without = text.replace(/^( +)motd: new FileScore\(\{\n[^]*?^\1\}\),\n/m, "");
  assert.notEqual(without, text, "examples/kiosk.ts has a Score motd");
  return without;
}
