import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { connectStore } from "../../wire/nats/connect.ts";
import { becomesSo } from "../../wire/nats/server-admin.ts";
import { findNatsServer, fetchNatsServer, spawnServer } from "../nats-server.ts";
import { printable } from "../paint.ts";
import { endsSoon, makeServerCertificate } from "./certificates.ts";
import type { FleetDescription } from "./description.ts";
import { type FleetDirectory, messageOf, unusable, type Unusable } from "./fleet-directory.ts";
import { writeWhole } from "../write-whole.ts";
import { keepKeys } from "./keep-keys.ts";
import { reload } from "./reload.ts";
import { endKeys } from "./renewing.ts";
import { localUrl, serverHosts } from "./server-address.ts";

const READY_MS = 20_000;
/** How often the running server's certificate is looked at. */
const CERTIFICATE_MS = 86_400_000;

export interface Serving {
  readonly _tag: "Serving";
  readonly pid: number;
  readonly version: string;
  /** Why it ended, from its log. */
  readonly exited: Promise<string>;
  readonly stop: () => Promise<void>;
}

/**
 * Runs nats-server with the fleet's configuration until `signal` fires, and has it ready: certificate, buckets. `say`
 * also gets the server's log, line by line.
 */
export async function serve(
  directory: FleetDirectory,
  fleet: FleetDescription,
  signal: AbortSignal,
  say: (line: string) => void,
): Promise<Serving | Unusable> {
  try {
    await renewCertificate(directory, fleet, signal, say);
    const ended = endKeys(fleet, new Date());
    for (const line of ended?.told ?? []) say(line);
    // The directory may have been moved, and the configuration names its place.
    await directory.write(ended?.fleet ?? fleet);
    let found = await findNatsServer();
    if ("problem" in found) found = await fetchNatsServer(say, signal);
    if ("problem" in found) return unusable(found.problem, "The fleet's files are as they were.");
    const { child, exited, stop } = await spawnServer(found.path, ["-c", directory.config], signal);
    if (child.stderr !== null) createInterface(child.stderr).on("line", (line) => say(printable(line)));
    const why = await notReady(directory, fleet, signal, exited);
    if (why === null) {
      const daily = setInterval(() => void renewWhileServing(directory, fleet, signal, say), CERTIFICATE_MS);
      const stopKeeping = await keepKeys(directory, fleet, signal, say);
      void exited.then(async () => {
        clearInterval(daily);
        await stopKeeping();
      });
      return { _tag: "Serving", pid: child.pid ?? 0, version: found.version, exited, stop };
    }
    await stop();
    return unusable(why, "Is another server running on that port, or with that directory?");
  } catch (error) {
    return unusable(`the server could not be started: ${messageOf(error)}`, "Look at the fleet's directory.");
  }
}

/** Null once an operator can work with it, and all buckets are there; else what kept it. */
async function notReady(
  directory: FleetDirectory,
  fleet: FleetDescription,
  signal: AbortSignal,
  exited: Promise<string>,
): Promise<string | null> {
  const over = new AbortController();
  let last = `nats-server was not ready within ${READY_MS / 1000} s`;
  void exited.then((log) => {
    last = `nats-server ended at its start: ${log}`;
    over.abort();
  });
  const either = AbortSignal.any([signal, over.signal]);
  const credsFile = await readFile(directory.at("keys", "operator.creds"), "utf8");
  const isReady = await becomesSo(READY_MS, either, async () => {
    const connected = await connectStore({
      servers: localUrl(fleet),
      credsFile,
      name: "harmony fleet",
      signal: either,
    });
    if (connected._tag === "Unreachable") return false;
    const ready = await connected.store.ensureBuckets({ signal: either });
    await connected.store.close();
    return ready._tag === "Ready";
  });
  return isReady ? null : last;
}

async function renewWhileServing(...given: Parameters<typeof renewCertificate>): Promise<void> {
  const [directory, fleet, signal, say] = given;
  try {
    if (!(await renewCertificate(...given))) return;
    const reloaded = await reload(directory, fleet, signal);
    if (reloaded._tag === "Failed") say(`The server may not know its new certificate yet: ${reloaded.message}`);
  } catch (error) {
    say(`The server's certificate ends soon, and could not be made anew: ${messageOf(error)}`);
  }
}

/** Whether it was. */
async function renewCertificate(
  directory: FleetDirectory,
  fleet: FleetDescription,
  signal: AbortSignal,
  say: (line: string) => void,
): Promise<boolean> {
  const read = async (name: string): Promise<string> => readFile(directory.at("tls", name), "utf8");
  if (!endsSoon(await read("server.pem"), new Date())) return false;
  const authority = { certificate: await read("ca.pem"), key: await read("ca.key") };
  const made = await makeServerCertificate(authority, serverHosts(fleet), signal);
  await writeWhole(directory.at("tls", "server.key"), made.key);
  await writeWhole(directory.at("tls", "server.pem"), made.certificate);
  say("The server's certificate would have ended soon; it has a new one.");
  return true;
}
