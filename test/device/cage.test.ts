import { beforeAll, expect, test, vi } from "vitest";
import type { CapabilityName } from "../../src/agent/cage/needs.ts";
import { unitText } from "../../src/agent/cage/unit.ts";
import {
  type AgentStatus,
  ContainerScore,
  DirectoryScore,
  FileScore,
  FirewallPortsScore,
  manifest,
  type Manifest,
  NetworkInterfaceScore,
  PackageScore,
  PiTopology,
  PiWithAuditedShellTopology,
  ShellJobScore,
  SystemdServiceScore,
  SystemdTimerScore,
  SystemdUnitScore,
} from "../../src/index.ts";
import { onMachines, suiteMachines } from "./machine/for-tests.ts";
import { managed, type Managed } from "./machine/managed.ts";

/** What `harmony agent unit` prints, for this machine's agent. */
const unitOf = (capabilities: readonly CapabilityName[], words: string): string =>
  unitText(`/usr/local/bin/harmony-agent run ${words}`, {
    capabilities,
    paths: ["/etc", "/srv", "/opt"],
    creds: null,
    stateDir: null,
  });
const STOPS_AT_ONCE = ["sh", "-c", "trap 'exit 0' TERM; sleep 1000 & wait"];
/** All of it, by what it needs. */
const SCORES = {
  FileSystemHost: {
    folder: new DirectoryScore({ path: "/srv/caged", owner: "nobody" }),
    page: new FileScore({ path: "/srv/caged/page", content: "x", mode: "2755", group: "nogroup" }),
  },
  SystemdHost: {
    clock: new SystemdServiceScore({
      name: "clock",
      exec: ["/usr/bin/sleep", "1000"],
      readiness: { type: "command", command: ["/usr/bin/true"] },
      user: "nobody",
    }),
    tick: new SystemdTimerScore({ name: "tick", unit: "clock.service", onCalendar: ["daily"] }),
    log: new SystemdUnitScore({ unit: "systemd-journald.service", settings: { Service: { Nice: "1" } } }),
  },
  ContainerRuntime: {
    box: new ContainerScore({ name: "box", image: "127.0.0.1:5000/box:1", command: STOPS_AT_ONCE }),
  },
  NetworkConfigurator: {
    wire: new NetworkInterfaceScore({ name: "eth1", ipv4: { method: "static", addresses: ["203.0.113.2/24"] } }),
  },
  PacketFilter: { wall: new FirewallPortsScore({ name: "caged", ports: [{ port: 80 }] }) },
  PackageManager: { greeter: new PackageScore({ name: "edge-greeter" }) },
} as const;
type PiScore = { [K in keyof typeof SCORES]: (typeof SCORES)[K][keyof (typeof SCORES)[K]] }[keyof typeof SCORES];
const ALL = PiTopology.offers.map(({ name }) => name);

onMachines("the unit that is made of what is enabled", () => {
  const boot = suiteMachines();
  let at: Managed;
  const endings: (() => Promise<void>)[] = [];

  beforeAll(async () => {
    const machine = await boot({ name: "caged" });
    at = await managed(machine, { cleanup: (end) => void endings.push(end) });
    await vi.waitFor(at.capabilities, { timeout: 20_000 });
    await machine.run(["systemctl", "start", "docker-registry.service"]);
    await machine.run(["podman", "import", "/opt/busybox.tar", "127.0.0.1:5000/box:1"]);
    await machine.run(["podman", "push", "127.0.0.1:5000/box:1"]);
    return async () => {
      for (const end of endings.toReversed()) await end();
    };
  }, 60_000);

  const enable = async (capabilities: readonly CapabilityName[]): Promise<void> => {
    const words = capabilities
      .map((name) => (name === "AuditedShell" ? "--allow-audited-shell" : `--capability ${name}`))
      .join(" ");
    const server = await at.machine.natsUrl(at);
    await at.machine.writeFile(
      "/etc/systemd/system/harmony-agent.service",
      unitOf(capabilities, `--id ${at.agentId} --server ${server} ${words}`),
    );
    await at.machine.run(["systemctl", "daemon-reload"]);
    await at.machine.run(["systemctl", "restart", "harmony-agent.service"]);
    await vi.waitFor(
      async () =>
        expect(Object.keys((await at.capabilities()).capabilities).toSorted()).toEqual(capabilities.toSorted()),
      { timeout: 20_000 },
    );
  };

  /** What came of each Score, then what came of the removal of all. */
  const madeAndRemoved = async (wanted: Manifest): Promise<unknown> => {
    const { fleet, agentId } = at;
    const applied = await fleet.apply(wanted, agentId, { timeoutMs: 60_000 });
    const { _tag: removed } = await fleet.remove(agentId, { timeoutMs: 60_000 });
    return ["status" in applied ? outcomes(applied.status) : applied, removed];
  };
  const bothWays = ({ scores }: Manifest): unknown => [
    Object.fromEntries(Object.keys(scores).map((id) => [id, "Ready SUCCESS"])),
    "Converged",
  ];

  // What one capability needs is not there because another one needs it too.
  test.for(ALL)("lets it do what takes %s, where nothing else is enabled", { tags: ["systemd"] }, async (name) => {
    await enable([name]);
    const scores: Readonly<Record<string, PiScore>> = SCORES[name];
    const wanted = manifest(PiTopology, scores);
    expect(await madeAndRemoved(wanted)).toEqual(bothWays(wanted));
  });

  test(
    "lets it run commands as anybody, where only these are let in beside the packet filter",
    { tags: ["shell"] },
    async () => {
      await enable(["PacketFilter", "AuditedShell"]);
      const seed = new ShellJobScore({
        name: "seed",
        check: ["/usr/bin/test", "-e", "/srv/seeded"],
        // What leaves it behind is ended too, by somebody who is not its user.
        run: ["/bin/sh", "-c", "setsid sleep 4321 & touch /srv/seeded"],
        undo: ["/usr/bin/rm", "/srv/seeded"],
        runAs: "nobody",
        approver: "Ada",
        expires: new Date(Date.now() + 3_600_000),
      });
      await at.machine.run(["chmod", "1777", "/srv"]);
      const wanted = manifest(PiWithAuditedShellTopology, { seed });
      expect(await madeAndRemoved(wanted)).toEqual(bothWays(wanted));
      expect(await at.machine.run(["ps", "-eo", "pid,user,stat,args"])).not.toContain("sleep 4321");
    },
  );

  test("lets it do all that PiTopology offers, and undo it", { tags: ["systemd"] }, async () => {
    const { machine } = at;
    await enable(ALL);
    // Somebody's broken unit under the name of one of ours is replaced, and does not keep others from being looked at.
    await machine.writeFile("/etc/systemd/system/clock.service", "[Service\nbroken");
    const all = manifest(PiTopology, {
      ...SCORES.FileSystemHost,
      ...SCORES.SystemdHost,
      ...SCORES.ContainerRuntime,
      ...SCORES.NetworkConfigurator,
      ...SCORES.PacketFilter,
      ...SCORES.PackageManager,
    });
    expect(await madeAndRemoved(all)).toEqual(bothWays(all));
    expect((await machine.exec(["ls", "/srv/caged", "/etc/systemd/system/clock.service"])).code).toBe(2);
  });
});

const outcomes = (status: Pick<AgentStatus, "scores"> | null): unknown =>
  Object.fromEntries(
    Object.entries(status?.scores ?? {}).map(([id, { state, outcome, error }]) => [
      id,
      [state, outcome, error?.message].filter(Boolean).join(" "),
    ]),
  );
