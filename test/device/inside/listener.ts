import { spawn } from "node:child_process";
import { SystemBus } from "../../../src/agent/adapters/system-bus.ts";

const ROOT = "/org/freedesktop/systemd1";
const MANAGER = "org.freedesktop.systemd1.Manager";

/** Counts by a connection of its own how often systemd has read all unit files again. */
export async function countReloads(): Promise<{ readonly reloads: () => number; readonly close: () => void }> {
  let reloads = 0;
  const bus = new SystemBus({
    destination: "org.freedesktop.systemd1",
    onSignal: ({ member, body }) => {
      if (member === "Reloading" && body[0] === false) reloads += 1;
    },
    onConnected: () => {},
  });
  bus.match(`type='signal',interface='${MANAGER}',member='Reloading',path='${ROOT}'`);
  await bus.call({ path: ROOT, interface: MANAGER, member: "Subscribe" });
  return { reloads: () => reloads, close: () => bus.close() };
}

/** The method calls that come to systemd while `work` goes on, by their names, as the bus itself shows them. */
export async function callsDuring(work: () => Promise<void>): Promise<readonly string[]> {
  const monitor = spawn("dbus-monitor", ["--system", "destination='org.freedesktop.systemd1'"], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  let heard = "";
  monitor.stdout.on("data", (chunk: Buffer) => (heard += chunk.toString()));
  const heardOf = async (member: string): Promise<void> => {
    while (!heard.includes(`member=${member}`)) await new Promise((resume) => setTimeout(resume, 10));
  };
  const bus = new SystemBus({ destination: "org.freedesktop.systemd1", onSignal: () => {}, onConnected: () => {} });
  const mark = async (member: string): Promise<void> => {
    const asking = setInterval(() => void ask(), 50);
    const ask = async (): Promise<void> => {
      await bus.call({ path: ROOT, interface: MANAGER, member, signature: "s", body: ["-"] }).catch(() => {});
    };
    await ask();
    await heardOf(member);
    clearInterval(asking);
  };
  // A monitor says when it listens by what it shows only.
  await mark("GetUnit");
  await work();
  await mark("GetJob");
  monitor.kill();
  bus.close();
  const all = [...heard.matchAll(/^method call .* member=(\w+)$/gm)].map(([, member = ""]) => member);
  return all.slice(all.lastIndexOf("GetUnit") + 1).filter((member) => member !== "GetJob");
}
