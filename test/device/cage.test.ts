import { readFileSync } from "node:fs";
import { beforeAll, expect, test, vi } from "vitest";
import {
  type AgentStatus,
  ContainerScore,
  DirectoryScore,
  FileScore,
  FirewallPortsScore,
  manifest,
  NetworkInterfaceScore,
  PackageScore,
  PiTopology,
  SystemdServiceScore,
  SystemdTimerScore,
  SystemdUnitScore,
} from "../../src/index.ts";
import { onMachines, suiteMachines } from "./machine/for-tests.ts";
import { managed, type Managed } from "./machine/managed.ts";

/** The agent's unit as docs/operating.md has it, for this machine's agent. */
function documentedUnit(arguments_: string): string {
  const [, unit = ""] =
    /```ini\n(# \/etc\/systemd\/system\/harmony-agent\.service[^`]*)```/.exec(
      readFileSync("docs/operating.md", "utf8"),
    ) ?? [];
  expect(unit).toContain("ProtectSystem=strict");
  return unit.replace(/^ExecStart=.*$/m, `ExecStart=/usr/local/bin/harmony-agent run ${arguments_}`);
}

onMachines("the agent's unit in docs/operating.md", () => {
  const boot = suiteMachines();
  let at: Managed;
  const endings: (() => Promise<void>)[] = [];

  beforeAll(async () => {
    const machine = await boot({ name: "caged" });
    at = await managed(machine, { cleanup: (end) => void endings.push(end) });
    await vi.waitFor(at.capabilities, { timeout: 20_000 });
    const server = await machine.natsUrl(at);
    await machine.writeFile(
      "/etc/systemd/system/harmony-agent.service",
      documentedUnit(`--id ${at.agentId} --server ${server}`),
    );
    await machine.run(["systemctl", "daemon-reload"]);
    await machine.run(["systemctl", "restart", "harmony-agent.service"]);
    await machine.run(["systemctl", "start", "docker-registry.service"]);
    return async () => {
      for (const end of endings.toReversed()) await end();
    };
  }, 60_000);

  test("lets it do all that PiTopology offers, and undo it", { tags: ["systemd"] }, async () => {
    const { machine, fleet, agentId } = at;
    await machine.run(["podman", "import", "/opt/busybox.tar", "127.0.0.1:5000/box:1"]);
    await machine.run(["podman", "push", "127.0.0.1:5000/box:1"]);
    // Somebody's broken unit under the name of one of ours is replaced, and does not keep others from being looked at.
    await machine.writeFile("/etc/systemd/system/clock.service", "[Service\nbroken");
    const all = manifest(PiTopology, {
      folder: new DirectoryScore({ path: "/srv/caged", owner: "nobody" }),
      page: new FileScore({ path: "/srv/caged/page", content: "x", mode: "2755", group: "nogroup" }),
      clock: new SystemdServiceScore({ name: "clock", exec: ["/usr/bin/sleep", "1000"] }),
      tick: new SystemdTimerScore({ name: "tick", unit: "clock.service", onCalendar: ["daily"] }),
      log: new SystemdUnitScore({ unit: "systemd-journald.service", settings: { Service: { Nice: "1" } } }),
      box: new ContainerScore({ name: "box", image: "127.0.0.1:5000/box:1", command: ["sleep", "1000"] }),
      wire: new NetworkInterfaceScore({ name: "eth1", ipv4: { method: "static", addresses: ["203.0.113.2/24"] } }),
      wall: new FirewallPortsScore({ name: "caged", ports: [{ port: 80 }] }),
      greeter: new PackageScore({ name: "edge-greeter" }),
    });
    const applied = await fleet.apply(all, agentId, { timeoutMs: 60_000 });
    expect("status" in applied ? outcomes(applied.status) : applied).toEqual(
      Object.fromEntries(Object.keys(all.scores).map((id) => [id, "Ready SUCCESS"])),
    );
    expect(await fleet.remove(agentId, { timeoutMs: 60_000 })).toMatchObject({ _tag: "Converged" });
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
