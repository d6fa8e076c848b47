import { readFile } from "node:fs/promises";
import { becomesSo, ServerAdmin } from "../../wire/nats/server-admin.ts";
import type { FleetDescription } from "./description.ts";
import { type FleetDirectory, messageOf } from "./fleet-directory.ts";
import type { User } from "./membership.ts";
import { localUrl } from "./server-address.ts";

const DEADLINE_MS = 10_000;

/** What became of the server after its configuration was written. */
export type Reloaded =
  /** It works with the new one now; whoever was to be thrown out has no connection any more. */
  | { readonly _tag: "Reloaded" }
  /** None runs with this configuration on this machine; the next start takes it up. */
  | { readonly _tag: "NotRunning" }
  | { readonly _tag: "Failed"; readonly message: string };

/** Has the running server read its configuration again, and looks whether it has. `out`: users that are no more. */
export async function reload(
  directory: FleetDirectory,
  fleet: FleetDescription,
  signal: AbortSignal,
  out: readonly User[] = [],
): Promise<Reloaded> {
  const pid = await runningServer(directory);
  if (pid === null) return { _tag: "NotRunning" };
  const credsFile = await readFile(directory.at("keys", "system.creds"), "utf8").catch(messageOf);
  const within = AbortSignal.any([signal, AbortSignal.timeout(DEADLINE_MS)]);
  const admin = await ServerAdmin.connect({ servers: localUrl(fleet), credsFile, name: "harmony fleet" }, within);
  if (!(admin instanceof ServerAdmin)) {
    // It is told all the same: that a look is not possible must not keep anybody in.
    process.kill(pid, "SIGHUP");
    return {
      _tag: "Failed",
      message: `the server was told to read it, and cannot be asked whether it has: ${admin.message}`,
    };
  }
  try {
    const before = await admin.configurationReadAt();
    process.kill(pid, "SIGHUP");
    const isRead = await becomesSo(DEADLINE_MS, within, async () => {
      const now = await admin.configurationReadAt();
      return typeof now === "string" && now !== before;
    });
    if (!isRead) return { _tag: "Failed", message: "the server did not take the new configuration; its log says why" };
    const isOut = await becomesSo(DEADLINE_MS, within, async () => {
      for (const { account, key } of out) if ((await admin.connectionsOf(account, key)) !== 0) return false;
      return true;
    });
    return isOut ? { _tag: "Reloaded" } : { _tag: "Failed", message: "the server still has a connection of it" };
  } finally {
    await admin.close();
  }
}

/** The process that works with this configuration; null where there is none. */
async function runningServer(directory: FleetDirectory): Promise<number | null> {
  const pid = Number(await readFile(directory.pidFile, "utf8").catch(() => ""));
  if (!Number.isSafeInteger(pid) || pid <= 1) return null;
  // A server that was killed leaves its file, and process ids come again.
  const words = (await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")).split("\0");
  return words.includes(directory.config) ? pid : null;
}
