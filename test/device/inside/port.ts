import { setTimeout as sleep } from "node:timers/promises";
import { DbusSystemdHost } from "../../../src/agent/adapters/dbus-systemd-host.ts";
import { NodeFileSystem } from "../../../src/agent/adapters/node-file-system.ts";
import type { FakeUnit } from "../../../src/testing/fake-systemd-host.ts";
import { systemdHostContract, UNITS } from "../../capabilities/systemd-host.contract.ts";
import { adapterRules, TWENTY } from "./adapter.ts";
import { countReloads } from "./listener.ts";
import { clear, install, put, systemctl } from "./real-units.ts";
import { report } from "./report.ts";

/** Puts the adapter to the contract of its port on the systemd of this machine, and to what is peculiar to it. */

const [, , only = ""] = process.argv;
install();
const { reloads, close } = await countReloads();

/** A signal may come after the answer that it belongs to. */
async function told(): Promise<number> {
  await sleep(30);
  return reloads();
}

async function asOthersDo(unit: string, to: FakeUnit): Promise<void> {
  put(unit, { ...to, active: undefined, enabled: undefined });
  systemctl("daemon-reload");
  put(unit, { active: to.active, enabled: to.enabled });
  await Promise.resolve();
}

async function onHost(run: (files: NodeFileSystem, host: DbusSystemdHost) => Promise<void>): Promise<void> {
  const files = new NodeFileSystem();
  const host = new DbusSystemdHost({ files });
  try {
    await run(files, host);
  } finally {
    host.close();
    files.close();
    clear([...UNITS, ...TWENTY]);
  }
}

for (const { name, run } of systemdHostContract.filter((each) => each.name.includes(only))) {
  await report(`port: ${name}`, () => onHost((_, host) => run({ host, put: asOthersDo, reloads: told })));
}
for (const { name, run } of adapterRules.filter((each) => each.name.includes(only))) {
  await report(`adapter: ${name}`, () => onHost((files, host) => run({ files, host })));
}
close();
