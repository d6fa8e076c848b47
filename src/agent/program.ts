import { randomBytes, randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join, resolve } from "node:path";
import type { Log } from "../scores/context.ts";
import type { AgentId } from "../wire/keys.ts";
import { connectStore } from "../wire/nats/connect.ts";
import { serverList } from "../wire/nats/server-list.ts";
import { VERSION } from "../wire/version.ts";
import { agentPolicy } from "./adapters/agent-policy.ts";
import { authorsFile } from "./adapters/authors-file.ts";
import { askAgent } from "./adapters/local-commands.ts";
import { serveLocal } from "./adapters/local-socket.ts";
import { openAssets } from "./adapters/open-assets.ts";
import { StateDirectory, statePath as pathOfState } from "./adapters/state-directory.ts";
import { SelfReportFile } from "./adapters/self-report-file.ts";
import { lockState } from "./adapters/state-lock.ts";
import { enroll } from "./adapters/enrolling.ts";
import { showKey } from "./adapters/showing-key.ts";
import { hasJournal, Journalctl, ownUnit } from "./adapters/journalctl.ts";
import { systemClock } from "./adapters/system-clock.ts";
import { systemdNotify } from "./adapters/systemd-notify.ts";
import { tellUnit } from "./adapters/unit-file.ts";
import {
  type AgentArguments,
  type AuditArguments,
  type DoctorArguments,
  parseArguments,
  trustedKeys,
  USAGE,
  type UnitArguments,
} from "./arguments.ts";
import { auditJson, auditOf, auditText } from "./audit.ts";
import { configurationFile, readConfiguration, type ReadConfiguration } from "./configuration.ts";
import { DeviceKeys } from "./device-keys.ts";
import { doctorText } from "./doctor.ts";
import { lookAtDevice } from "./adapters/device-look.ts";
import { Keyring } from "./keyring.ts";
import { Ledger } from "./ledger.ts";
import { type Linked, linkedDocument, linkedText } from "./linked.ts";
import { LogRing } from "./logs/log-ring.ts";
import { answer } from "./local-requests.ts";
import { openRecording } from "./recording.ts";
import { Renewal } from "./renewal.ts";
import { VitalSigns } from "./vital-signs.ts";
import { assemble } from "./wiring.ts";

/** How long a stop may take before the process leaves all the same. */
const STOP_MS = 10_000;

/**
 * The program of an agent that is linked with these kinds and adapters. `argv` is what comes after `harmony agent`; resolves to
 * the exit code.
 */
export const agentProgram =
  (linked: Linked) =>
  async (argv: readonly string[]): Promise<number> => {
    if (argv[0] === "kinds") return tellKinds(linked, argv.slice(1));
    const configured = await configuration(argv);
    if (configured._tag === "Wrong") {
      process.stderr.write(`harmony agent: ${configured.message}\nSee: harmony agent --help\n`);
      return 2;
    }
    const { words } = configured;
    if (argv[0] === "key") return showKey(argv.slice(1), process, words);
    if (argv[0] === "enroll") return enroll(argv.slice(1), process.env, process, words);
    if (argv[0] === "take" || argv[0] === "status") return askAgent(argv, process, words);
    const parsed = parseArguments([...words, ...argv], process.env);
    switch (parsed._tag) {
      case "Help":
        process.stdout.write(USAGE);
        return 0;
      case "Wrong":
        process.stderr.write(`harmony agent: ${parsed.message}\nSee: harmony agent --help\n`);
        return 2;
      case "Run":
        return orSay(run(linked, parsed.given));
      case "Unit":
        return tellUnit(cagedFor(linked, parsed.given), process);
      case "Doctor":
        return orSay(examine(linked, parsed.given));
      case "Audit":
        return orSay(audit(parsed.given));
    }
  };

/** What the agent is not linked with it has no use for, and its unit opens nothing for it. */
const cagedFor = (linked: Linked, given: UnitArguments): UnitArguments => ({
  ...given,
  capabilities: given.capabilities.filter((name) => linked.adapters[name] !== undefined),
});

function tellKinds(linked: Linked, words: readonly string[]): number {
  const [word, ...more] = words;
  if (more.length > 0 || (word !== undefined && word !== "--json")) {
    process.stderr.write("harmony agent: kinds takes --json and nothing else\nSee: harmony agent --help\n");
    return 2;
  }
  process.stdout.write(
    word === undefined ? linkedText(linked) : `${JSON.stringify(linkedDocument(linked), null, 2)}\n`,
  );
  return 0;
}

/** What the file that `--config` names says, the host's name first: whatever else names an id stands behind it. */
async function configuration(argv: readonly string[]): Promise<ReadConfiguration> {
  const file = configurationFile(argv);
  if (file === null) return { _tag: "Words", words: [] };
  try {
    const read = readConfiguration(file, await readFile(file, "utf8"));
    return read._tag === "Wrong" ? read : { _tag: "Words", words: [`--id=${hostname()}`, ...read.words] };
  } catch (error) {
    return { _tag: "Wrong", message: error instanceof Error ? error.message : String(error) };
  }
}

const orSay = (work: Promise<number>): Promise<number> =>
  work.catch((error: unknown) => {
    process.stderr.write(`harmony agent: ${error instanceof Error ? error.message : String(error)}\n`);
    return 1;
  });

async function examine(linked: Linked, { json, ...given }: DoctorArguments): Promise<number> {
  const report = await lookAtDevice(linked, { ...given, root: resolve(given.root) }, logTo(process.stderr));
  process.stdout.write(json ? `${JSON.stringify(report, null, 2)}\n` : doctorText(report));
  return report.isWell ? 0 : 1;
}

async function audit({ root, stateDir, json, verify }: AuditArguments): Promise<number> {
  const path = pathOfState(resolve(root), stateDir === null ? null : resolve(stateDir));
  const report = await auditOf(new StateDirectory(path));
  if (report.entries.length === 0 && report.findings.length === 0) {
    process.stderr.write(`harmony agent: nothing is on record in ${path}; name another directory with --state-dir\n`);
    return 1;
  }
  process.stdout.write(json ? `${JSON.stringify(auditJson(report, !verify), null, 2)}\n` : auditText(report, !verify));
  return report.findings.length === 0 ? 0 : 1;
}

async function run(linked: Linked, given: AgentArguments): Promise<number> {
  const root = resolve(given.root);
  const bootId = randomUUID();
  const memory = new LogRing(bootId);
  const log = logTo(process.stderr, memory);
  // Whoever read the log may be gone; that is no reason to stop.
  process.stderr.on("error", () => {});
  const state = await StateDirectory.open(root, given.stateDir === null ? null : resolve(given.stateDir));
  const locked = await lockState(state.path);
  if (locked._tag === "Taken") {
    throw new Error(
      `another agent, process ${locked.pid}, works with ${state.path}; stop it, or name another directory with --state-dir`,
    );
  }
  const keys = await Promise.all(
    given.trust.map(async ({ name, file }) => ({ name, file, pem: await readFile(file) })),
  );
  const trusted = trustedKeys(keys);
  const credsFile = given.credsFile === null ? undefined : await readFile(given.credsFile, "utf8");
  const keyring = credsFile === undefined ? null : await Keyring.open(state, credsFile, log);
  const ledger = await Ledger.open(state, log);
  // A full disk, or a file that is damaged, is no reason to leave all else undone.
  const deviceKeys = await DeviceKeys.open(state, systemClock.now(), log).catch((error: unknown) => {
    log("no secret can be opened", { error: error instanceof Error ? error.message : String(error) });
    return undefined;
  });
  const pair = given.pair === null ? null : await memoryOf(given.pair, root, state.path, log);
  const connected = await connectStore({
    servers: serverList(given.server),
    name: `harmony-agent ${given.agentId}`,
    inboxPrefix: `_INBOX.${given.agentId}`,
    waitOnFirstConnect: true,
    credsFile,
    ...(keyring && { credentials: () => keyring.credentials() }),
  });
  if (connected._tag === "Unreachable") throw new Error(connected.message);
  const { store, switchTo } = connected;
  const { agentId } = given;
  const renewal =
    keyring && new Renewal({ agentId, store, keyring, switchTo, clock: systemClock, random: Math.random, log });
  const ledgers = [ledger, ...(pair === null ? [] : [pair.ledger])];
  const assets = await openAssets({ ...given, root, statePath: state.path, store, ledgers, log });
  const policy = await agentPolicy({ ...given, root, state, log });
  const recording = await openRecording({
    agentId: given.agentId,
    bootId,
    disk: state,
    stream: store,
    clock: systemClock,
    log,
    random: Math.random,
    newLog: () => randomBytes(8).toString("hex"),
  });
  const { agent, host, failover } = assemble({
    linked,
    agentId: given.agentId,
    bootId,
    root,
    servers: serverList(given.server),
    statePath: state.path,
    driftPassMs: given.driftPassMs,
    labels: given.labels,
    capabilities: given.capabilities,
    trustedKeys: trusted,
    authors: given.authorsFile === null ? undefined : authorsFile(resolve(given.authorsFile), log),
    reserved: policy.reserved,
    policy: policy.current,
    ...(deviceKeys && { deviceKeys }),
    store,
    ledger,
    assets,
    // An agent that works in a directory is told nothing of the machine.
    logs: { memory, journal: root === "/" && hasJournal() ? new Journalctl() : null, ownUnit: ownUnit(process.env) },
    trail: recording.trail,
    log,
    pair,
  });

  const asked = signalled();
  log("started", {
    agent: given.agentId,
    version: VERSION,
    root,
    state: state.path,
    server: withoutSecret(given.server),
  });
  await host.look();
  agent.start();
  const local = { agentId: given.agentId, agent, disk: state, now: () => systemClock.now() };
  const closeLocal = await serveLocal(state.path, (request) => answer(request, local), log);
  recording.start();
  // Of an agent that works in a directory the machine is told nothing.
  const file = root === "/" ? new SelfReportFile() : null;
  const signs = new VitalSigns({
    agent,
    other: () => failover?.progress ?? null,
    renewal,
    manager: systemdNotify({ env: process.env, pid: process.pid }),
    publish: (report) => file?.write(report),
    about: { agentId: given.agentId, agentVersion: VERSION, bootId, pid: process.pid, stateDirectory: state.path },
    clock: systemClock,
    log,
  });
  failover?.start();
  renewal?.start();
  signs.started();
  log("stopping", { signal: await asked });
  signs.stopping();
  closeLocal();
  renewal?.stop();
  const inTime = await Promise.race([
    Promise.resolve(failover?.stop())
      .then(() => agent.stop())
      .then(() => assets.idle())
      .then(() => recording.stop())
      .then(() => store.close())
      .then(() => true),
    new Promise<false>((late) => setTimeout(() => late(false), STOP_MS).unref()),
  ]);
  host.close();
  file?.remove();
  await locked.unlock();
  log(inTime ? "stopped" : "stopped late: something did not end in time; the next start goes on from the ledger", {});
  return 0;
}

/** What this agent remembers as a member of a pair lies apart from what it remembers of itself. */
async function memoryOf(id: AgentId, root: string, statePath: string, log: Log) {
  const disk = await StateDirectory.open(root, join(statePath, "pair"));
  return { id, disk, ledger: await Ledger.open(disk, log) };
}

/** A URL may hold a password, and a log is read by many. */
const withoutSecret = (server: string): string => server.replace(/\/\/[^@/]*@/, "//...@");

const signalled = (): Promise<string> =>
  new Promise((asked) => {
    for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.once(signal, () => asked(signal));
  });

/** One line an event: a constant message and its fields as JSON, so that both people and journald's readers find it. */
const logTo =
  (stream: NodeJS.WritableStream, memory?: LogRing): Log =>
  (message, fields = {}) => {
    const at = new Date().toISOString();
    const line = `${message}${Object.keys(fields).length === 0 ? "" : ` ${JSON.stringify(fields)}`}`;
    memory?.add(at, line);
    stream.write(`${at} ${line}\n`);
  };
