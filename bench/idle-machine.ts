import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { createFleet, systemClock } from "../src/index.ts";
import type { Manifest } from "../src/topology/manifest.ts";
import { AgentId } from "../src/wire/keys.ts";
import { bootMachine, type Machine } from "../test/device/machine/machine.ts";
import type { Control } from "./control.ts";
import type { Place } from "./figure.ts";

export const ID = "idle";
export const STATE = "/var/lib/harmony-edge/agent";
export const IMAGE = "127.0.0.1:5000/app:1";

/** A machine on which Scores of all kinds can be put in place. */
export async function prepared(place: Place): Promise<Machine> {
  // The machine's own files are in memory, where nothing counts as written to a disk.
  const share = ["disk", "state"].map((name) => {
    const from = join(place.directory, name);
    mkdirSync(from, { mode: 0o700 });
    return { from, to: name === "disk" ? "/srv/disk" : STATE, writable: true };
  });
  const machine = await bootMachine({ name: "idle", signal: new AbortController().signal, share });
  place.atEnd(() => machine.stop());
  await machine.writeFile("/usr/lib/systemd/system/theirs.service", "[Service]\nExecStart=/usr/bin/sleep infinity\n");
  const ready = "until node -e 'fetch(\"http://127.0.0.1:5000/v2/\").catch(()=>process.exit(1))'; do sleep 0.1; done";
  await machine.run(["sh", "-ec", `systemctl daemon-reload; systemctl start docker-registry; ${ready}`]);
  const push = `podman import -q /opt/busybox.tar ${IMAGE}; podman push -q ${IMAGE}; podman rmi -f ${IMAGE}`;
  await machine.run(["sh", "-ec", push], { timeoutMs: 60_000 });
  return machine;
}

/** Ships it and waits until all of it is as declared. */
export async function converged({ store }: Control, wanted: Manifest): Promise<void> {
  const fleet = createFleet({ store, clock: systemClock });
  const agentId = AgentId.parse(ID);
  // Refused until the agent has told what the machine offers.
  for (let tries = 0; (await store.get("capabilities", agentId))._tag !== "Value" && tries < 100; tries += 1) {
    await sleep(100);
  }
  const result = await fleet.apply(wanted, agentId, { timeoutMs: 120_000 });
  if (result._tag !== "Converged") throw new Error(`it did not converge: ${JSON.stringify(result)}`);
}
