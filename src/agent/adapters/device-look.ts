import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import type { Log } from "../../scores/context.ts";
import { readAuthors } from "../../wire/authors.ts";
import { lastHeartbeat } from "../../wire/nats/last-heartbeat.ts";
import { serverList } from "../../wire/nats/server-list.ts";
import { readPolicy } from "../../wire/device-policy.ts";
import { readSignedPolicy } from "../../wire/signed-policy.ts";
import { Heartbeat, readDocument } from "../../wire/status.ts";
import { VERSION } from "../../wire/version.ts";
import { type DoctorArguments, trustedKeys } from "../arguments.ts";
import { DROP_IN, dropInText } from "../cage/unit.ts";
import { type DoctorReport, type Examined, judge, type ServerExamined } from "../doctor.ts";
import { Keyring } from "../keyring.ts";
import type { Linked } from "../linked.ts";
import { assembleHost } from "../wiring.ts";
import { SelfReportFile } from "./self-report-file.ts";
import { StateDirectory, statePath } from "./state-directory.ts";
import { lookAtState } from "./state-look.ts";

const SERVER_MS = 8_000;

type Asked = Omit<DoctorArguments, "json">;

/** Looks at all that an agent needs here, beside a running one too, and changes nothing. */
export async function lookAtDevice(linked: Linked, asked: Asked, log: Log): Promise<DoctorReport> {
  const path = statePath(asked.root, asked.stateDir === null ? null : resolve(asked.stateDir));
  const quiet: Log = (message, fields) => (message.startsWith("a bug") ? log(message, fields) : undefined);
  const host = assembleHost({
    linked,
    root: asked.root,
    servers: serverList(asked.server),
    statePath: path,
    capabilities: asked.capabilities,
    log: quiet,
  });
  const [state, server, files, isCaged, controllers] = await Promise.all([
    lookAtState(path),
    lookAtServer(asked, path),
    lookAtFiles(asked),
    lookAtCage(asked),
    readFile("/sys/fs/cgroup/cgroup.controllers", "utf8").then(
      (text) => text.trim().split(" "),
      () => null,
    ),
    host.look(),
  ]);
  host.close();
  const told = new SelfReportFile().read();
  const holder = state._tag === "There" ? state.heldBy : null;
  // What an agent that has died left, or one that works elsewhere, says nothing about this one.
  const agent = told !== null && told.pid === holder && told.stateDirectory === path ? told : null;
  const { offers, absent } = host.topology;
  const examined: Examined = {
    nodeVersion: process.version,
    uid: process.geteuid?.() ?? -1,
    state,
    files,
    isCaged,
    controllers,
    offered: offers.map(({ name }) => name),
    absent,
    server,
    agent,
  };
  const findings = [...judge(examined)];
  return {
    agentVersion: VERSION,
    at: new Date().toISOString(),
    isWell: findings.every(({ level }) => level !== "fail"),
    findings,
    agent,
  };
}

async function lookAtServer({ server, credsFile, agentId }: Asked, path: string): Promise<ServerExamined> {
  const name = server.replaceAll(/\/\/[^@/,]*@/g, "//...@");
  // That it cannot be read is a finding of its own.
  const creds = credsFile === null ? undefined : await readFile(credsFile, "utf8").catch(() => undefined);
  // The one that the agent works with may have come after that of the file.
  const ring = creds === undefined ? null : await Keyring.open(new StateDirectory(path), creds, () => {});
  const signal = AbortSignal.timeout(SERVER_MS);
  const ask = (tried: string | undefined) =>
    lastHeartbeat({ servers: serverList(server), name: "harmony-agent doctor", credsFile: tried }, agentId, signal);
  const [first, ...others] = ring?.credentials() ?? [creds];
  let told = await ask(first);
  for (const other of others) if (told._tag === "Unreachable" && told.reason === "Denied") told = await ask(other);
  if (told._tag === "Unreachable") return { name, unreachable: told, aheadMs: null };
  const beat = told.value === null ? null : readDocument(Heartbeat, told.value.bytes);
  const aheadMs =
    beat?._tag === "Read" && told.value !== null ? Date.parse(beat.document.at) - told.value.storedAt.getTime() : null;
  return { name, unreachable: null, aheadMs };
}

async function lookAtCage({ caged }: Asked): Promise<boolean | null> {
  const there = await readFile(DROP_IN, "utf8").catch(() => null);
  return there === null || caged === null ? null : there === dropInText(caged);
}

function checkPolicy(bytes: Uint8Array): void {
  const read = readPolicy(bytes);
  if (read._tag === "Unusable") throw new Error(read.message);
}

function checkAuthors(bytes: Uint8Array): void {
  const read = readAuthors(bytes);
  if (read._tag === "Unusable") throw new Error(read.message);
}

/** As the running agent would judge it, beside what it has taken already. */
function checkSigned(bytes: Uint8Array, pems: Parameters<typeof trustedKeys>[0], agentId: Asked["agentId"]): void {
  const read = readSignedPolicy(bytes, { keys: trustedKeys(pems), agentId, before: null, now: new Date() });
  if (read._tag === "Refused") throw new Error(`${read.refusal.reason}: ${read.refusal.message}`);
}

async function lookAtFiles(asked: Asked): Promise<Examined["files"]> {
  const { trust, authorsFile, policyFile, signedPolicy, credsFile, agentId } = asked;
  const tried = async (flag: Examined["files"][number]["flag"], file: string, check: (bytes: Buffer) => unknown) => {
    try {
      await check(await readFile(file));
      return { flag, file, problem: "" };
    } catch (error) {
      return { flag, file, problem: error instanceof Error ? error.message : String(error) };
    }
  };
  return Promise.all([
    ...trust.map(({ name, file }) => tried("--trust", file, (pem) => trustedKeys([{ name, file, pem }]))),
    ...(authorsFile === null ? [] : [tried("--authors", authorsFile, checkAuthors)]),
    ...(policyFile === null ? [] : [tried("--policy", policyFile, checkPolicy)]),
    ...(signedPolicy === null
      ? []
      : [
          tried("--signed-policy", signedPolicy.file, async (bytes) => {
            const pems = signedPolicy.keys.map(async (each) => ({ ...each, pem: await readFile(each.file) }));
            checkSigned(bytes, await Promise.all(pems), agentId);
          }),
        ]),
    ...(credsFile === null ? [] : [tried("--creds", credsFile, () => {})]),
  ]);
}
