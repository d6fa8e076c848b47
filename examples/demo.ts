// The whole road in about twenty seconds: `npm run demo`. A real nats-server, a real agent in a sandbox directory, and
// the same `harmony` command that everybody uses. Ends with status 0 only if everything went as it says.
import assert from "node:assert/strict";
import { execFile, spawn, type ChildProcess } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { connect } from "nats";
import { startNatsServer } from "../src/cli/nats-server.ts";
import { AgentStatus } from "../src/wire/status.ts";

const here = (path: string): string => new URL(path, import.meta.url).pathname;
const HARMONY = here("../bin/harmony.js");
const AGENT = "kiosk-1";

const interrupted = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => interrupted.abort(new Error(`stopped by ${signal}`)));
}

const colours = process.stdout.isTTY && process.env["NO_COLOR"] === undefined;
const bold = (text: string): string => (colours ? `\u001b[1m${text}\u001b[22m` : text);
const say = (text: string): void => void process.stdout.write(`${text}\n`);
const chapter = (title: string): void => say(`\n${bold(`# ${title}`)}`);
const indented = (text: string): string => text.trimEnd().replace(/^/gm, "    ");

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

const run = (command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ran> =>
  new Promise((resolve) => {
    const options = { env: { ...process.env, NO_COLOR: "1", ...env }, signal: interrupted.signal, timeout: 60_000 };
    const child = execFile(command, [...args], options, (error, out, err) => {
      resolve({ code: error === null ? 0 : (child.exitCode ?? 1), out, err });
    });
  });

/** Runs the command line as a person would, and shows what it says. */
async function harmony(...args: readonly string[]): Promise<Ran> {
  const words = args.map((word) =>
    word.startsWith("/") && !word.startsWith(folder) ? relative(process.cwd(), word) : word,
  );
  say(bold(`$ harmony ${words.join(" ")}`));
  const ran = await run(process.execPath, [HARMONY, ...args], { HARMONY_SERVER: server.url });
  if (`${ran.out}${ran.err}`.trim() !== "") say(indented(`${ran.out}${ran.err}`));
  return ran;
}

const status = async (): Promise<AgentStatus> => {
  const ran = await run(process.execPath, [HARMONY, "status", AGENT, "--json"], { HARMONY_SERVER: server.url });
  return AgentStatus.parse(JSON.parse(ran.out));
};

async function until<T>(what: string, look: () => Promise<T | undefined>): Promise<T> {
  for (let waited = 0; waited < 20_000; waited += 50) {
    const seen = await look();
    if (seen !== undefined) return seen;
    await sleep(50, undefined, { signal: interrupted.signal });
  }
  throw new Error(`waited 20 s in vain: ${what}`);
}

const ending = (child: ChildProcess): Promise<void> =>
  child.exitCode === null && child.signalCode === null
    ? new Promise((resolve) => child.once("exit", () => resolve()))
    : Promise.resolve();

const folder = await mkdtemp(join(tmpdir(), "harmony-demo-"));
const root = join(folder, "device");
await mkdir(root);
const server = await startNatsServer({ storeDir: join(folder, "nats"), signal: interrupted.signal });
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
  const first = await status();
  assert.ok(
    Object.values(first.scores).every(({ state, outcome }) => state === "Ready" && outcome === "SUCCESS"),
    "every Score is a SUCCESS",
  );
  const motd = join(root, "etc/motd");
  say(`\nOn the device, /etc/motd says:\n${indented(await readFile(motd, "utf8"))}`);

  chapter("Once more: nothing to do, and nothing is done");
  const before = await stat(motd);
  assert.equal((await harmony("apply", kiosk, "--agent", AGENT)).code, 0);
  const second = await status();
  assert.ok(
    Object.values(second.scores).every(({ outcome }) => outcome === "NOOP"),
    "every Score is a NOOP",
  );
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
