import { join } from "node:path";
import { NodeFileSystem } from "../src/agent/adapters/node-file-system.ts";
import { StateDirectory } from "../src/agent/adapters/state-directory.ts";
import { breathe, systemClock } from "../src/agent/adapters/system-clock.ts";
import { Ledger } from "../src/agent/ledger.ts";
import { Reconciler } from "../src/agent/reconciler.ts";
import type { PortTable } from "../src/scores/attenuate.ts";
import { KINDS } from "../src/scores/index.ts";
import { PiTopology } from "../src/topology/pi.ts";
import type { DecodedManifest } from "../src/wire/decode.ts";
import type { Place } from "./figure.ts";

/** The agent's own reconciler on the real file system, in this process, with a ledger on disk and without a server. */
export interface Device {
  readonly reconciler: Reconciler;
  readonly ledger: Ledger;
}

/** @param more Ports beside the file system, and where the ledger is; default: none, in the root */
export async function deviceAt(
  root: string,
  place: Pick<Place, "atEnd">,
  more: { readonly state?: string; readonly ports?: (files: NodeFileSystem) => PortTable } = {},
): Promise<Device> {
  const stop = new AbortController();
  const log = (): void => {};
  const fileSystem = new NodeFileSystem({ root });
  const ledger = await Ledger.open(await StateDirectory.open(root, more.state ?? join(root, "state")), log);
  const reconciler = new Reconciler({
    ports: { ...more.ports?.(fileSystem), FileSystemHost: fileSystem },
    gate: { kinds: KINDS, topology: PiTopology },
    clock: systemClock,
    ledger,
    log,
    stop: stop.signal,
    random: Math.random,
    breathe,
    onChange: () => {},
  });
  place.atEnd(async () => {
    stop.abort();
    await reconciler.idle();
    fileSystem.close();
  });
  return { reconciler, ledger };
}

/** Has the manifest taken and waits until all of it is so. */
export async function converge(
  { reconciler, ledger }: Device,
  manifest: DecodedManifest,
  change: "intentional" | "corrective" = "intentional",
): Promise<void> {
  reconciler.accept(manifest, change);
  await reconciler.idle();
  await ledger.flush();
  const open = Object.values(reconciler.statuses()).filter(({ state }) => state !== "Ready");
  if (open.length > 0) throw new Error(`${open.length} Scores did not become Ready: ${JSON.stringify(open[0])}`);
}

/**
 * The longest that the event loop was held while `work` ran, in milliseconds: the longest time between two turns of a
 * chain of `setImmediate`, which costs some microseconds a turn.
 */
export async function longestBlock(work: () => Promise<void>): Promise<number> {
  let longest = 0;
  let last = performance.now();
  let running = true;
  const tick = (): void => {
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
    if (running) setImmediate(tick);
  };
  await new Promise<void>((resolve) => setImmediate(resolve));
  last = performance.now();
  setImmediate(tick);
  await work();
  running = false;
  await new Promise<void>((resolve) => setImmediate(resolve));
  return longest;
}
