import { beforeAll, expect, onTestFinished, test, vi } from "vitest";
import { unitText } from "../../src/agent/cage/unit.ts";
import { DoctorReport } from "../../src/agent/doctor.ts";
import { FileScore, manifest, PiTopology } from "../../src/index.ts";
import { onMachines, suiteMachines } from "./machine/for-tests.ts";
import { managed, type Managed } from "./machine/managed.ts";

const patience = { timeout: 40_000, interval: 200 };
const ALL = PiTopology.offers.map(({ name }) => name);
const page = (content: string) => manifest(PiTopology, { page: new FileScore({ path: "/srv/page", content }) });

/** A disk that never answers, and with it a deadline that never rings: only then nothing in the agent ends the wait. */
const PLANT = `const fs = require("node:fs");
const planted = () => fs.existsSync("/run/planted");
const { fdatasync } = fs;
fs.fdatasync = (fd, done) => (planted() ? undefined : fdatasync(fd, done));
const { setTimeout: real } = globalThis;
globalThis.setTimeout = (then, ms, ...rest) => real(ms > 29000 && ms <= 30000 && planted() ? () => {} : then, ms, ...rest);
`;

/** Outside of V8's heap, whose bound would end the process before the kernel does. */
const LEAK = `const fs = require("node:fs");
const kept = [];
setInterval(() => void (fs.existsSync("/run/leaks") && kept.push(Buffer.alloc(8 * 2 ** 20, 1))), 20).unref();
`;

onMachines("the agent under systemd", () => {
  const boot = suiteMachines();
  let at: Managed;
  const endings: (() => Promise<void>)[] = [];

  const show = async (property: string): Promise<string> =>
    (await at.machine.run(["systemctl", "show", "--value", "--property", property, "harmony-agent.service"])).trim();

  /** The unit as `harmony agent unit` prints it, with other lines in its service. */
  const startWith = async (lines: string, watchdog = "3min"): Promise<void> => {
    const server = await at.machine.natsUrl(at);
    const command = `/usr/local/bin/harmony-agent run --id ${at.agentId} --server ${server}`;
    const own = unitText(command, { capabilities: ALL, paths: ["/etc", "/srv", "/opt"], creds: null, stateDir: null })
      .replace(/^ExecStart=/m, `${lines}\nExecStart=`)
      .replace(/^WatchdogSec=.*$/m, `WatchdogSec=${watchdog}`);
    expect(own).toContain(`WatchdogSec=${watchdog}`);
    await at.machine.writeFile("/etc/systemd/system/harmony-agent.service", own);
    await at.machine.run(["systemctl", "daemon-reload"]);
    await at.machine.run(["systemctl", "reset-failed", "harmony-agent.service"]);
    await at.machine.run(["systemctl", "restart", "harmony-agent.service"]);
  };

  beforeAll(async () => {
    const machine = await boot({ name: "healthy" });
    at = await managed(machine, { cleanup: (end) => void endings.push(end) });
    await vi.waitFor(at.capabilities, patience);
    return async () => {
      for (const end of endings.toReversed()) await end();
    };
  }, 60_000);

  test(
    "is started when it has looked at the host, and tells in one line how it stands",
    { tags: ["systemd"] },
    async () => {
      await startWith("");
      expect(await show("SubState")).toBe("running");
      expect(await at.fleet.apply(page("1"), at.agentId, { timeoutMs: 30_000 })).toMatchObject({ _tag: "Converged" });
      await vi.waitFor(
        async () => expect(await show("StatusText")).toMatch(/^generation \d+, 1 of 1 Ready, connected$/),
        patience,
      );
      // It writes to the socket itself: no program is started for a sign of life.
      expect((await at.machine.exec(["pgrep", "systemd-notify"])).code).toBe(1);
      const report: unknown = JSON.parse(await at.machine.readFile("/run/harmony-edge/agent.json"));
      expect(report).toMatchObject({ agentId: at.agentId, isConnected: true, stalls: [] });
    },
  );

  const doctor = async (...flags: readonly string[]) => {
    const server = await at.machine.natsUrl(at);
    const argv = ["/usr/local/bin/harmony-agent", "doctor", "--json", "--id", at.agentId, "--server", server, ...flags];
    const { code, out } = await at.machine.exec(argv);
    const report = DoctorReport.parse(JSON.parse(out));
    const levels = Object.fromEntries(report.findings.map(({ check, level }) => [check, level]));
    return { code, report, levels };
  };

  test(
    "is examined beside its work: all that it needs is there, and it tells of itself",
    { tags: ["systemd"] },
    async () => {
      const { code, report, levels } = await doctor();
      const fails = report.findings.filter(({ level }) => level === "fail");
      expect({ code, fails }).toEqual({ code: 0, fails: [] });
      expect(levels).toMatchObject({
        node: "ok",
        user: "ok",
        "state directory": "ok",
        disk: "ok",
        ledger: "ok",
        "capability SystemdHost": "ok",
        "capability ContainerRuntime": "ok",
        "capability NetworkConfigurator": "ok",
        "capability PacketFilter": "ok",
        "capability PackageManager": "ok",
        server: "ok",
        clock: "ok",
        agent: "ok",
        "condition Ready": "ok",
      });
      expect(report.agent).toMatchObject({
        agentId: at.agentId,
        pid: Number(await show("MainPID")),
        isConnected: true,
      });
      // The kernel below decides what limits the machine can keep.
      const controllers = await at.machine.readFile("/sys/fs/cgroup/cgroup.controllers");
      expect(levels["memory limits"]).toBe(/\bmemory\b/.test(controllers) ? "ok" : "warn");
      const text = await at.machine.run([
        "/usr/local/bin/harmony-agent",
        "doctor",
        "--server",
        await at.machine.natsUrl(at),
      ]);
      expect(text).toMatch(/^ok {4}node +v20\..*\n[^]*\n(all is well|nothing fails; see the warnings)\n$/);
    },
  );

  test("is examined without it: what is missing is named, with what to do", { tags: ["systemd"] }, async () => {
    await at.machine.run(["systemctl", "stop", "harmony-agent.service"]);
    await at.machine.run(["mv", "/usr/sbin/nft", "/usr/sbin/nft.away"]);
    const { code, report, levels } = await doctor(
      "--server",
      "nats://198.51.100.1:9",
      "--trust",
      "ops=/etc/no-such.pem",
    );
    await at.machine.run(["mv", "/usr/sbin/nft.away", "/usr/sbin/nft"]);
    expect(code).toBe(1);
    expect(levels).toMatchObject({
      agent: "warn",
      "capability PacketFilter": "warn",
      server: "fail",
      "--trust": "fail",
    });
    expect(report).toMatchObject({ isWell: false, agent: null });
    expect(report.findings.find(({ check }) => check === "server")?.next).toMatch(
      /no NATS server listens on that port/,
    );
    const nowhere = await doctor("--server", "nats://no-such-host.invalid");
    expect(nowhere.report.findings.find(({ check }) => check === "server")?.next).toMatch(/cannot be resolved/);
  });

  test("tells its server that the disk is nearly full, and that it is full", { tags: ["systemd"] }, async () => {
    const state = "/var/lib/harmony-edge/agent";
    await at.machine.run(["mount", "-t", "tmpfs", "-o", "size=40M,mode=0700", "tmpfs", state]);
    try {
      await at.machine.run(["sh", "-c", `head -c 38M /dev/zero >${state}/filler`]);
      await at.machine.run(["systemctl", "start", "harmony-agent.service"]);
      const pressure = async (): Promise<unknown> => {
        const view = await at.fleet.status(at.agentId);
        return "status" in view && view.status._tag === "Known"
          ? view.status.status.conditions.find(({ type }) => type === "DiskPressure")?.reason
          : undefined;
      };
      await vi.waitFor(async () => expect(await pressure()).toBe("LowSpace"), patience);
      await at.machine.exec(["sh", "-c", `head -c 38M /dev/zero >>${state}/filler`]);
      await at.fleet.apply(page("full"), at.agentId, { timeoutMs: 5_000 });
      await vi.waitFor(async () => expect(await pressure()).toBe("NoSpace"), patience);
      // It tells of itself within a second.
      await vi.waitFor(
        async () => expect((await doctor()).levels).toMatchObject({ disk: "fail", "condition DiskPressure": "fail" }),
        patience,
      );
      await at.machine.run(["rm", `${state}/filler`]);
      expect(await at.fleet.apply(page("room"), at.agentId, { timeoutMs: 60_000 })).toMatchObject({
        _tag: "Converged",
      });
    } finally {
      await at.machine.exec(["systemctl", "stop", "harmony-agent.service"]);
      await at.machine.run(["umount", state]);
    }
  });

  test("where systemd opens no socket for it, it is told by its program", { tags: ["systemd"] }, async () => {
    await startWith("OpenFile=", "6");
    await new Promise((resume) => setTimeout(resume, 9_000));
    expect([await show("SubState"), await show("NRestarts")]).toEqual(["running", "0"]);
    await vi.waitFor(async () => expect(await show("StatusText")).toMatch(/1 of 1 Ready, connected$/), patience);
  });

  test("is started anew when it stands still", { tags: ["systemd"] }, async () => {
    await startWith("", "3");
    const pid = await show("MainPID");
    await new Promise((resume) => setTimeout(resume, 6_000));
    expect(await show("MainPID")).toBe(pid);
    await at.machine.run(["kill", "-STOP", pid]);
    await vi.waitFor(
      async () => expect([await show("SubState"), await show("NRestarts")]).toEqual(["running", "1"]),
      patience,
    );
    expect(await show("MainPID")).not.toBe(pid);
  });

  test(
    "is started anew when work hangs beyond its deadline while everything else of it turns, and says before what hangs",
    { tags: ["systemd"], timeout: 170_000 },
    async () => {
      await at.machine.writeFile("/opt/plant.cjs", PLANT);
      await startWith("Environment=NODE_OPTIONS=--require=/opt/plant.cjs", "12");
      await vi.waitFor(at.capabilities, patience);
      await at.machine.run(["touch", "/run/planted"]);
      const applied = await at.fleet.apply(page("2"), at.agentId, { timeoutMs: 5_000 });
      expect(applied._tag).toBe("TimedOut");
      // The deadline of 30 s and a minute of slack, then the watchdog.
      await vi.waitFor(async () => expect(await show("StatusText")).toMatch(/^hangs: the work on page has gone on/), {
        timeout: 110_000,
        interval: 500,
      });
      // It beats on: everything but the loop is well.
      expect(await at.fleet.status(at.agentId)).toMatchObject({ liveness: { freshness: "fresh" } });
      await at.machine.run(["rm", "/run/planted"]);
      await vi.waitFor(async () => expect(await show("NRestarts")).toBe("1"), patience);
      const log = await at.machine.run(["journalctl", "--unit", "harmony-agent.service", "--output", "cat"]);
      expect(log).toMatch(/the agent hangs; it gives no sign of life .*the work on page/);
      await vi.waitFor(async () => expect(await at.machine.readFile("/srv/page")).toBe("2"), patience);
    },
  );

  test(
    "that leaks is killed at the memory that its unit allows, started anew by systemd, and goes on",
    { tags: ["systemd"], timeout: 120_000 },
    async ({ skip }) => {
      await at.machine.writeFile("/opt/leak.cjs", LEAK);
      await startWith("Environment=NODE_OPTIONS=--require=/opt/leak.cjs");
      const limit = Number(await show("MemoryMax"));
      expect(limit).toBe(384 * 2 ** 20);
      expect(await at.fleet.apply(page("1"), at.agentId, { timeoutMs: 30_000 })).toMatchObject({ _tag: "Converged" });
      const before = { pid: await show("MainPID"), restarts: Number(await show("NRestarts")) };
      const controllers = (await at.machine.readFile("/sys/fs/cgroup/cgroup.controllers")).trim();
      const bySystemd = controllers.split(" ").includes("memory");
      const byHand = bySystemd ? null : await limitByHand(before.pid, limit);
      skip(!bySystemd && byHand === null, "this kernel has no memory control group of either version");
      process.stdout.write(`the memory limit of the unit is kept by ${bySystemd ? "systemd" : "the test"}\n`);
      await at.machine.run(["touch", "/run/leaks"]);
      await vi.waitFor(async () => expect(Number(await show("NRestarts"))).toBeGreaterThan(before.restarts), patience);
      await at.machine.run(["rm", "/run/leaks"]);
      const told = ["journalctl", "--unit", "harmony-agent", "--no-pager"];
      if (byHand === null) expect(await at.machine.run(told)).toMatch(/oom-kill/i);
      else expect(await at.machine.readFile(`${byHand}/memory.oom_control`)).toMatch(/^oom_kill 1$/m);
      expect(await at.fleet.apply(page("2"), at.agentId, { timeoutMs: 60_000 })).toMatchObject({ _tag: "Converged" });
      expect(await show("MainPID")).not.toBe(before.pid);
      expect(await at.machine.readFile("/srv/page")).toBe("2");
    },
  );

  /**
   * Where the kernel has this controller in version 1 alone, systemd cannot hand the unit's limit on to it: so it is set by
   * hand. Gives the control group; null where there is none.
   */
  async function limitByHand(pid: string, bytes: number): Promise<string | null> {
    const group = `/run/memory/harmony-test-${pid}`;
    const script = `
      mkdir -p /run/memory
      mount -t cgroup -o memory memory /run/memory || exit 9
      mkdir "$1"
      echo "$2" > "$1/memory.limit_in_bytes"
      echo "$3" > "$1/cgroup.procs"`;
    onTestFinished(async () => {
      await at.machine.exec(["sh", "-c", 'rmdir "$1"; umount /run/memory', "sh", group]);
    });
    const { code } = await at.machine.exec(["sh", "-c", script, "sh", group, String(bytes), pid]);
    return code === 0 ? group : null;
  }
});
