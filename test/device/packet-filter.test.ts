import { beforeAll, describe, expect, test, vi } from "vitest";
import { FirewallPortsScore, manifest, PiTopology, wanFirewallPorts } from "../../src/index.ts";
import { firewallPortsWorld } from "../../src/testing/firewall-ports-world.ts";
import { onMachines, suiteMachines } from "./machine/for-tests.ts";
import type { Machine } from "./machine/machine.ts";
import { type Managed, managed } from "./machine/managed.ts";
import { type Kept, promisesOn, testsOfPromises } from "./promises.ts";

/** Cases for each promise. */
const RUNS = 8;
const patience = { timeout: 20_000, interval: 100 };
const tags = ["packet-filter"];

const wan = wanFirewallPorts({ name: "wan", interface: "eth0", ports: [22, 8080] });
const closed = manifest(PiTopology, { wan });
/** Another Score opens on the same interface what the first one leaves closed. */
const opened = manifest(PiTopology, {
  wan,
  web: new FirewallPortsScore({ name: "web", ports: [{ port: 9090, from: ["198.51.100.0/24"] }, { port: 7070 }] }),
  elsewhere: new FirewallPortsScore({ name: "elsewhere", ports: [{ port: 9091, from: ["192.0.2.0/24"] }] }),
});

onMachines("the packet filter", () => {
  const boot = suiteMachines();
  let machine: Machine;
  let on: Managed;

  beforeAll(async () => {
    const cleanups: (() => Promise<void>)[] = [];
    machine = await boot({ name: "filtered" });
    on = await managed(machine, { cleanup: (done) => void cleanups.push(done) });
    for (const port of [8080, 9090, 9091]) {
      await machine.run(["systemd-run", "busybox", "httpd", "-f", "-p", String(port), "-h", "/opt"]);
    }
    await machine.run(["podman", "import", "/opt/busybox.tar", "localhost/busybox:1"]);
    await machine.run(["podman", "run", "-d", "-p", "7070:80", "localhost/busybox:1", "httpd", "-f", "-p", "80"]);
    await machine.run(["nft", "-f", "-"], { stdin: "table ip theirs { chain own { counter; }; }" });
    return async () => {
      for (const done of cleanups.toReversed()) await done();
    };
  });

  const isOpen = async (port: number): Promise<boolean> => {
    const knock = `timeout 1 bash -c 'exec 3<>/dev/tcp/198.51.100.2/${port}' 2>/dev/null && echo open || echo closed`;
    return (await machine.outside(["sh", "-c", knock])) === "open\n";
  };
  const doors = async (): Promise<Record<number, boolean>> =>
    Object.fromEntries(
      await Promise.all([8080, 9090, 9091, 7070].map(async (port) => [port, await isOpen(port)] as const)),
    );
  const own = async (): Promise<string> => (await machine.exec(["nft", "-a", "list", "table", "inet", "harmony"])).out;
  const foreign = async (): Promise<string> =>
    [await machine.run(["nft", "-s", "list", "table", "inet", "netavark"])]
      .concat(await machine.run(["nft", "-s", "list", "table", "ip", "theirs"]))
      .join("\n");

  test("is offered, with its version", { tags }, async () => {
    const { capabilities } = await vi.waitFor(async () => on.capabilities(), patience);
    expect(capabilities["PacketFilter"]).toEqual({ version: expect.stringMatching(/^1\./) });
  });

  test("closes what no Score opens, for containers too, and opens what one does", { tags }, async () => {
    const before = await foreign();
    await vi.waitFor(
      async () => expect(await doors()).toEqual({ 8080: true, 9090: true, 9091: true, 7070: true }),
      patience,
    );
    expect(await on.fleet.apply(closed, on.agentId)).toMatchObject({
      _tag: "Converged",
      status: { scores: { wan: { state: "Ready", outcome: "SUCCESS", details: { state: "in-force" } } } },
    });
    expect(await doors()).toEqual({ 8080: true, 9090: false, 9091: false, 7070: false });
    expect(await on.fleet.apply(opened, on.agentId)).toMatchObject({ _tag: "Converged" });
    expect(await doors()).toEqual({ 8080: true, 9090: true, 9091: false, 7070: true });
    expect(await foreign()).toBe(before);
  });

  test("is left alone, to the handles of its rules, by an agent that starts anew", { tags }, async () => {
    const before = await own();
    expect(before).toContain("chain open-web");
    await machine.run(["systemctl", "restart", "harmony-agent.service"]);
    expect(await on.fleet.apply(opened, on.agentId)).toMatchObject({ _tag: "Converged" });
    expect(await own()).toBe(before);
  });

  test.each([
    ["a rule of a part is deleted", "flush chain inet harmony open-web"],
    ["a rule is added to a part", "add rule inet harmony open-web tcp dport 1 accept"],
    ["an open door is put before all", "insert rule inet harmony inbound accept"],
    ["a chain of theirs is put into the table", "add chain inet harmony mine { type filter hook input priority 1; }"],
    ["the table is deleted", "delete table inet harmony"],
  ])("is mended at once when %s", { tags }, async (_, command) => {
    const wanted = await rules();
    const before = await foreign();
    await machine.run(["nft", command]);
    await vi.waitFor(async () => expect(await rules()).toEqual(wanted), patience);
    expect(await doors()).toEqual({ 8080: true, 9090: true, 9091: false, 7070: true });
    expect(await foreign()).toBe(before);
  });

  test("is there again after a reboot", { tags }, async () => {
    const wanted = await rules();
    await machine.reboot("power loss");
    await vi.waitFor(async () => expect(await rules()).toEqual(wanted), patience);
    await machine.run(["nft", "-f", "-"], { stdin: "table ip theirs { chain own { counter; }; }" });
    await machine.run(["podman", "run", "-d", "-p", "7071:80", "localhost/busybox:1", "httpd", "-f", "-p", "80"]);
  });

  test("is gone without a trace with its last Score", { tags }, async () => {
    const before = await foreign();
    await vi.waitFor(
      async () => expect(await on.fleet.apply(closed, on.agentId)).toMatchObject({ _tag: "Converged" }),
      patience,
    );
    expect(await own()).not.toContain("-web");
    expect(await on.fleet.apply(manifest(PiTopology, {}), on.agentId)).toMatchObject({ _tag: "Converged" });
    await vi.waitFor(
      async () => expect(await machine.run(["nft", "list", "tables"])).not.toContain("harmony"),
      patience,
    );
    expect(await foreign()).toBe(before);
  });

  describe("as the contract of its kind has it", () => {
    let kept: readonly Kept[] = [];
    beforeAll(async () => {
      kept = await promisesOn(await boot({ name: "kernel" }), "packet-filter.ts", String(RUNS));
    }, 300_000);
    testsOfPromises(firewallPortsWorld, "packet-filter", () => kept);
  });

  /** Which Score was mended first shows in the order of their chains, and of the jumps to them, and nowhere else. */
  const rules = async (): Promise<readonly string[]> => {
    const listed = await machine.run(["nft", "list", "table", "inet", "harmony"]);
    const isJump = (line: string): boolean => line.includes(" jump ") || line.trim().startsWith("jump ");
    return listed
      .split(/\n(?=\tchain )/)
      .map((chain) => {
        const lines = chain.split("\n").filter((line) => line !== "" && line !== "}");
        return [...lines.filter((line) => !isJump(line)), ...lines.filter(isJump).toSorted()].join("\n");
      })
      .toSorted();
  };
});
