import { readFile } from "node:fs/promises";
import { serveRenewals } from "../../wire/nats/renewal-service.ts";
import type { FleetDescription } from "./description.ts";
import { type FleetDirectory, messageOf } from "./fleet-directory.ts";
import type { User } from "./membership.ts";
import { reload } from "./reload.ts";
import { RenewalDesk, type Worked } from "./renewal-desk.ts";
import { endKeys, nextEnd } from "./renewing.ts";
import { localUrl } from "./server-address.ts";

/** So soon an end is noticed, also one that another command has brought nearer. */
const LOOK_MS = 1000;
const RETRY_MS = 5000;

/** While the fleet's server runs: renews the keys of devices that ask, and takes out those that have ended. */
export async function keepKeys(
  directory: FleetDirectory,
  fleet: FleetDescription,
  signal: AbortSignal,
  say: (line: string) => void,
): Promise<() => Promise<void>> {
  const { change, isOwed } = servedChange(directory, signal);
  const read = async () => directory.read();
  const desk = new RenewalDesk({ read, change, now: () => new Date(), say });
  const credsFile = await readFile(directory.at("keys", "operator.creds"), "utf8");
  const stop = serveRenewals({ servers: localUrl(fleet), credsFile, name: "harmony fleet renewals" }, desk.handle);
  let isStopped = false;
  let timer: NodeJS.Timeout | undefined;
  let seen = "";
  let endMs = Number.POSITIVE_INFINITY;
  const look = async (): Promise<void> => {
    const stamp = await directory.stamp();
    const now = stamp === seen ? null : await directory.read();
    if (now !== null && !("_tag" in now)) [seen, endMs] = [stamp, nextEnd(now)];
    const trouble = endMs <= Date.now() || isOwed() ? await endWhatIsOver(change, say) : null;
    if (trouble !== null) say(`Keys that have ended may still be let in: ${trouble}`);
    // What failed is tried again after a while, and not at once.
    if (!isStopped) timer = setTimeout(() => void look(), trouble === null ? LOOK_MS : RETRY_MS);
  };
  void look();
  return async () => {
    isStopped = true;
    clearTimeout(timer);
    await stop();
  };
}

/** A message: it could not be done. */
async function endWhatIsOver(change: Change, say: (line: string) => void): Promise<string | null> {
  let told: readonly string[] = [];
  const done = await change((fleet) => {
    const ended = endKeys(fleet, new Date());
    told = ended?.told ?? [];
    return ended === null ? null : { _tag: "Changed", fleet: ended.fleet, out: ended.out };
  });
  for (const line of told) say(line);
  return "message" in done ? done.message : null;
}

type Change = (work: (fleet: FleetDescription) => Worked) => Promise<FleetDescription | { readonly message: string }>;

/** Changes the fleet, and has its server work with it. What the server could not be told is told it with the next change. */
export function servedChange(
  directory: FleetDirectory,
  signal: AbortSignal,
): { readonly change: Change; readonly isOwed: () => boolean } {
  let owed: readonly User[] | null = null;
  const once = async (work: (fleet: FleetDescription) => Worked) => {
    const fleet = await directory.read();
    if ("_tag" in fleet) return fleet;
    const worked = work(fleet);
    if (worked === null && owed === null) return fleet;
    const now = worked?.fleet ?? fleet;
    owed = [...(owed ?? []), ...(worked?.out ?? [])];
    await directory.write(now);
    const reloaded = await reload(directory, now, signal, owed);
    if (reloaded._tag === "Failed") return { message: reloaded.message };
    owed = null;
    return now;
  };
  const change: Change = (work) =>
    directory.alone(() => once(work)).catch((error: unknown) => ({ message: messageOf(error) }));
  return { change, isOwed: () => owed !== null };
}
