import { mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { SelfReportFile } from "../../../src/agent/adapters/self-report-file.ts";
import { systemdNotify } from "../../../src/agent/adapters/systemd-notify.ts";
import { AgentId } from "../../../src/wire/keys.ts";

const folder = (): string => {
  const path = mkdtempSync(join(tmpdir(), "harmony-notify-"));
  onTestFinished(() => rmSync(path, { recursive: true }));
  return path;
};
const NOTIFY_SOCKET = "/run/systemd/notify";

test("without a service manager nothing is told and nothing is started", () => {
  const program = vi.fn<(message: string) => Promise<boolean>>();
  const manager = systemdNotify({ env: { WATCHDOG_USEC: "1000000" }, pid: 7, program });
  manager.tell({ READY: "1" });
  expect(manager.watchdogMs).toBeNull();
  expect(program).not.toHaveBeenCalled();
});

test.each([
  [{ WATCHDOG_USEC: "180000000" }, 180_000],
  [{ WATCHDOG_USEC: "180000000", WATCHDOG_PID: "7" }, 180_000],
  [{ WATCHDOG_USEC: "180000000", WATCHDOG_PID: "8" }, null],
  [{ WATCHDOG_USEC: "soon" }, null],
  [{}, null],
])("how long it waits for a sign of life: %j", (env, ms) => {
  expect(systemdNotify({ env: { NOTIFY_SOCKET, ...env }, pid: 7 }).watchdogMs).toBe(ms);
});

test("the socket that systemd opened for the agent is written to, under its name among others", async () => {
  const path = join(folder(), "socket");
  const fd = openSync(path, "w");
  const LISTEN_FDNAMES = [...Array.from({ length: fd - 3 }, () => "other"), "notify"].join(":");
  const program = vi.fn<(message: string) => Promise<boolean>>();
  const env = { NOTIFY_SOCKET, LISTEN_PID: "7", LISTEN_FDNAMES };
  systemdNotify({ env, pid: 7, program }).tell({ READY: "1", STATUS: "two\nlines" });
  await vi.waitFor(() => expect(readFileSync(path, "utf8")).toBe("READY=1\nSTATUS=two lines"));
  expect(program).not.toHaveBeenCalled();
});

test("one that cannot be written to is given up for the program, and so is another process's", async () => {
  // Beyond what a process may open.
  const LISTEN_FDNAMES = [...Array.from({ length: 2 ** 21 }, () => "o"), "notify"].join(":");
  const program = vi.fn<(message: string) => Promise<boolean>>(async () => true);
  const env = { NOTIFY_SOCKET, LISTEN_PID: "7", LISTEN_FDNAMES };
  systemdNotify({ env, pid: 7, program }).tell({ READY: "1" });
  await vi.waitFor(() => expect(program).toHaveBeenCalledWith("READY=1"));
  systemdNotify({ env, pid: 8, program }).tell({ STOPPING: "1" });
  await vi.waitFor(() => expect(program).toHaveBeenLastCalledWith("STOPPING=1"));
});

test("what is told while a message is on its way goes with the next one, and only the newest of each", async () => {
  const sent: string[] = [];
  let release = (): void => {};
  const program = async (message: string): Promise<boolean> => {
    sent.push(message);
    await new Promise<void>((resume) => (release = resume));
    return true;
  };
  const manager = systemdNotify({ env: { NOTIFY_SOCKET }, pid: 7, program });
  manager.tell({ READY: "1" });
  manager.tell({ STATUS: "old" });
  manager.tell({ STATUS: "new" });
  manager.tell({ WATCHDOG: "1" });
  release();
  await vi.waitFor(() => expect(sent).toEqual(["READY=1", "STATUS=new\nWATCHDOG=1"]));
});

test("what an agent tells of itself is read back; what is no such thing, or is not there, is nothing", () => {
  const file = new SelfReportFile(join(folder(), "new"));
  const report = {
    agentId: AgentId.parse("pi-7"),
    agentVersion: "1",
    bootId: "b",
    pid: 7,
    stateDirectory: "/s",
    generation: 1,
    observedGeneration: 1,
    isConnected: true,
    conditions: [],
    stalls: [],
  };
  expect(file.read()).toBeNull();
  file.write(report);
  expect(file.read()).toEqual(report);
  file.remove();
  expect(file.read()).toBeNull();
  new SelfReportFile("/dev/null/folder").write(report);
});
