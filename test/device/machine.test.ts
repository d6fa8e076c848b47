import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, expect, onTestFinished, test, vi } from "vitest";
import { AgentId, connectStore, createFleet, FileScore, manifest, PiTopology, systemClock } from "../../src/index.ts";
import { natsServer } from "../support/nats-server.ts";
import { startAgent } from "./machine/agent.ts";
import { onMachines, suiteMachines, testMachine } from "./machine/for-tests.ts";
import { findOrBuildImage } from "./machine/image.ts";
import { bootMachine, type Machine } from "./machine/machine.ts";
import { say } from "./machine/progress.ts";
import { run, succeed } from "./machine/run.ts";
import { removeCgroups } from "./machine/yard.ts";

const { signal } = new AbortController();
const patience = { timeout: 20_000, interval: 50 };

/** Without the time that addresses have left, which passes by itself. */
async function ip(what: "address" | "route"): Promise<unknown> {
  const told = await succeed(["ip", "-j", what]);
  return JSON.parse(told, (key, value: unknown) => (key.endsWith("_life_time") ? null : value));
}

/** What of this host a machine could change. */
async function host() {
  const { root, yard } = await findOrBuildImage(say, signal);
  return {
    addresses: await ip("address"),
    routes: await ip("route"),
    // The image's nft, because the host may have none; run in the host's network, where it only reads.
    packetFilter: await succeed(["chroot", root, "nft", "--stateless", "list", "ruleset"]),
    forwarding: readFileSync("/proc/sys/net/ipv4/ip_forward", "utf8"),
    mounts: readFileSync("/proc/mounts", "utf8"),
    hostName: readFileSync("/proc/sys/kernel/hostname", "utf8"),
    ownFolders: [await readdir(dirname(root)), await readdir(yard)],
  };
}

/** The exit code: 0 where an answer came. */
async function ping(machine: Machine, address = "198.51.100.1"): Promise<number> {
  return (await machine.exec(["busybox", "ping", "-c", "1", "-W", "1", address])).code;
}

/** Whether the process, by its id on the host, is there and not merely waiting to be collected. */
function lives(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) Z/s.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
}

/** The process and all processes that it started, as the host numbers them. */
function tree(pid: number): readonly number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ").filter(Boolean).map(Number);
  return [pid, ...children.flatMap(tree)];
}

onMachines("a machine", () => {
  const boot = suiteMachines();
  let before: Awaited<ReturnType<typeof host>>;
  let one: Machine;
  let two: Machine;
  beforeAll(async () => {
    before = await host();
    [one, two] = await Promise.all([boot({ name: "one" }), boot({ name: "two", network: "networkd" })]);
  });

  test("is a booted Debian 13 of its own, two at once", { tags: ["systemd"] }, async () => {
    for (const machine of [one, two]) {
      expect(await machine.run(["systemctl", "is-system-running"])).toBe("running\n");
      expect(await machine.run(["hostname"])).toBe(`${machine.name}\n`);
      expect(await machine.readFile("/etc/os-release")).toContain("VERSION_CODENAME=trixie");
    }
    await one.writeFile("/etc/only-here", "one");
    expect(await two.exec(["cat", "/etc/only-here"])).toMatchObject({ code: 1, out: "" });
    const ids = await Promise.all([one, two].map(async (machine) => machine.readFile("/etc/machine-id")));
    expect(new Set(ids)).toHaveLength(2);
  });

  test("tells of a program's output and exit code, and feeds its input", { tags: ["systemd"] }, async () => {
    const ran = await one.exec(["sh", "-c", "cat; echo no >&2; exit 7"], { stdin: "yes" });
    expect(ran).toEqual({ code: 7, out: "yes", err: "no\n" });
    await expect(one.run(["false"])).rejects.toThrow("false ended with 1");
  });

  test("ends a program that takes too long", { tags: ["systemd"] }, async () => {
    await expect(one.exec(["sleep", "4711"], { timeoutMs: 300 })).rejects.toThrow("sleep 4711 took over 300 ms");
    await vi.waitFor(
      async () => expect(await one.exec(["pgrep", "-f", "sleep 4711"])).toMatchObject({ code: 1 }),
      patience,
    );
  });

  test("runs containers that its systemd starts", { tags: ["podman"] }, async () => {
    await one.run(["podman", "import", "/opt/busybox.tar", "localhost/busybox:1"]);
    await one.writeFile(
      "/etc/containers/systemd/web.container",
      "[Container]\nImage=localhost/busybox:1\nPublishPort=8080:80\nExec=sh -c 'echo hello >/index.html; exec httpd -f -p 80 -h /'\n",
    );
    await one.run(["systemctl", "daemon-reload"]);
    await one.run(["systemctl", "start", "web.service"]);
    const page = ["busybox", "wget", "-q", "-O", "-", "http://127.0.0.1:8080/index.html"];
    await vi.waitFor(async () => expect(await one.run(page)).toBe("hello\n"), patience);
  });

  test("has a container registry to push to and pull from", { tags: ["podman"] }, async () => {
    const image = "127.0.0.1:5000/busybox:1";
    await two.run(["systemctl", "start", "docker-registry.service"]);
    await two.run(["podman", "import", "/opt/busybox.tar", image]);
    await vi.waitFor(async () => two.run(["podman", "push", image]), patience);
    await two.run(["podman", "rmi", image]);
    await two.run(["podman", "pull", image]);
    expect(await two.run(["podman", "run", "--rm", image, "echo", "pulled"])).toBe("pulled\n");
  });

  test("filters its own packets and nobody else's", { tags: ["packet-filter"] }, async () => {
    expect(await ping(one)).toBe(0);
    await one.run(["nft", "-f", "-"], {
      stdin:
        "table inet edge { chain out { type filter hook output priority 0; ip daddr 198.51.100.1 icmp type echo-request drop; }; }",
    });
    expect([await ping(one), await ping(two)]).toEqual([1, 0]);
    expect(await two.run(["nft", "list", "tables"])).not.toContain("edge");
    expect((await host()).packetFilter).toBe(before.packetFilter);
    await one.run(["nft", "delete", "table", "inet", "edge"]);
    expect(await ping(one)).toBe(0);
  });

  test("has a second network interface for NetworkManager", { tags: ["network"] }, async () => {
    const profile = ["type", "ethernet", "ifname", "eth1", "con-name", "spare", "ipv4.method", "manual"];
    await one.run(["nmcli", "connection", "add", ...profile, "ipv4.addresses", "203.0.113.2/24"]);
    await one.run(["nmcli", "connection", "up", "spare"]);
    await vi.waitFor(async () => expect(await ping(one, "203.0.113.1")).toBe(0), patience);
    expect(await one.outside(["ip", "neigh", "show", "203.0.113.2"])).toContain("dev up1");
  });

  test("has a second network interface for systemd-networkd", { tags: ["network"] }, async () => {
    await two.writeFile(
      "/etc/systemd/network/20-spare.network",
      "[Match]\nName=eth1\n\n[Network]\nAddress=203.0.113.2/24\n",
    );
    await two.run(["networkctl", "reload"]);
    await vi.waitFor(async () => expect(await ping(two, "203.0.113.1")).toBe(0), patience);
    expect(await two.run(["systemctl", "show", "-P", "ActiveState", "NetworkManager"])).toBe("inactive\n");
  });

  test("loses its uplink when its cable is unplugged outside", { tags: ["network"] }, async () => {
    const carrier = async (): Promise<string> => two.run(["cat", "/sys/class/net/eth0/carrier"]);
    expect(await carrier()).toBe("1\n");
    await two.outside(["ip", "link", "set", "up0", "down"]);
    expect(await carrier()).toBe("0\n");
    await two.outside(["ip", "link", "set", "up0", "up"]);
    await vi.waitFor(async () => expect(await ping(two, "198.51.100.1")).toBe(0), patience);
  });

  test("installs and upgrades packages without a network", { tags: ["packages"] }, async () => {
    const apt = async (...words: string[]): Promise<string> => one.run(["apt-get", "-y", "-q", ...words]);
    await apt("install", "edge-beacon=1.0", "edge-greeter=1.0");
    expect(await one.run(["edge-greeter"])).toBe("edge-greeter 1.0\n");
    await apt("update");
    await apt("install", "edge-beacon");
    expect(await one.run(["dpkg-query", "-W", "edge-*"])).toBe("edge-beacon\t2.0\nedge-greeter\t2.0\n");
    await one.run(["systemctl", "start", "edge-beacon.service"]);
    expect(await one.run(["systemctl", "is-active", "edge-beacon.service"])).toBe("active\n");
  });

  test("runs the built agent, which carries a manifest through", { tags: ["systemd"] }, async () => {
    const server = await natsServer();
    await startAgent(one, { id: "one", server: await one.natsUrl(server) });
    const connected = await connectStore({ servers: server.url });
    if (connected._tag === "Unreachable") throw new Error(connected.message);
    onTestFinished(async () => connected.store.close());
    const fleet = createFleet({ store: connected.store, clock: systemClock });
    const motd = new FileScore({ path: "/etc/motd", content: "hello\n", mode: "0640" });
    const result = await fleet.apply(manifest(PiTopology, { motd }), AgentId.parse("one"));
    expect(result).toMatchObject({
      _tag: "Converged",
      status: { scores: { motd: { state: "Ready", outcome: "SUCCESS" } } },
    });
    expect(await one.run(["stat", "-c", "%a %U", "/etc/motd"])).toBe("640 root\n");
    expect(await one.readFile("/etc/motd")).toBe("hello\n");
    expect(
      await one.run(["sh", "-c", "readlink /proc/$(systemctl show -P MainPID harmony-agent)/exe; node --version"]),
    ).toMatch(/^\/usr\/bin\/node\nv20\./);
  });

  test("sees folders that the host shares with it", { tags: ["systemd"] }, async () => {
    const folder = await mkdtemp(join(tmpdir(), "harmony-test-share:-"));
    onTestFinished(async () => rm(folder, { recursive: true }));
    await writeFile(join(folder, "a"), "from the host");
    const machine = await testMachine({ share: [{ from: folder, to: "/srv/shared" }] });
    expect(await machine.readFile("/srv/shared/a")).toBe("from the host");
    expect(await machine.exec(["touch", "/srv/shared/b"])).toMatchObject({ code: 1 });
  });

  test.each(["in order", "power loss"] as const)(
    "keeps its files when it is rebooted: %s",
    { tags: ["systemd"] },
    async (how) => {
      const machine = await testMachine();
      const server = new URL(await machine.natsUrl(await natsServer()));
      const bootId = async (): Promise<string> => machine.readFile("/proc/sys/kernel/random/boot_id");
      const { pid } = machine;
      const earlier = await bootId();
      await machine.writeFile("/etc/kept", "kept");
      await machine.run(["podman", "import", "/opt/busybox.tar", "localhost/busybox:1"]);
      await machine.reboot(how);
      expect(await machine.run(["systemctl", "is-system-running"])).toBe("running\n");
      expect(await bootId()).not.toBe(earlier);
      expect(machine.pid).not.toBe(pid);
      expect(await machine.readFile("/etc/kept")).toBe("kept");
      expect(await machine.run(["podman", "images", "-q"])).toMatch(/^\w+\n$/);
      const greeting = ["sh", "-c", `sleep 1 | busybox nc ${server.hostname} ${server.port}`];
      expect(await machine.run(greeting)).toContain("INFO");
    },
  );

  test("leaves the host as it was while it is up", { tags: ["network"] }, async () => {
    expect(await host()).toEqual(before);
  });

  test("is gone once it is stopped: no process, mount, interface or folder", { tags: ["systemd"] }, async () => {
    const machine = await testMachine({ name: "brief" });
    await machine.natsUrl(await natsServer());
    const processes = tree(machine.pid);
    expect(processes.length).toBeGreaterThan(5);
    await machine.stop();
    await machine.stop();
    expect(processes.filter(lives)).toEqual([]);
    expect(existsSync(machine.root)).toBe(false);
    expect(await cgroupsOf(process.pid)).toBe(2);
    await expect(machine.exec(["true"])).rejects.toThrow("the machine brief is not up");
    expect(await host()).toEqual(before);
  });

  test("dies with the process that booted it, even when that is killed", { tags: ["systemd"] }, async () => {
    const child = spawn(process.execPath, [fileURLToPath(new URL("boot-and-wait.ts", import.meta.url))], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    onTestFinished(() => void child.kill("SIGKILL"));
    const [told]: unknown[] = await once(child.stdout, "data");
    const processes = tree(Number(String(told)));
    expect(processes.length).toBeGreaterThan(5);
    child.kill("SIGKILL");
    await vi.waitFor(() => expect(processes.filter(lives)).toEqual([]), patience);
    expect(await host()).toEqual(before);
    expect(await cgroupsOf(child.pid ?? 0)).toBe(1);
    await removeCgroups();
    expect(await cgroupsOf(child.pid ?? 0)).toBe(0);
  });

  test("is gone when its signal fires, while it boots and later", { tags: ["systemd"] }, async () => {
    const giveUp = new AbortController();
    const machine = await bootMachine({ signal: giveUp.signal });
    const booting = bootMachine({ signal: giveUp.signal });
    const answer = booting.then(() => "booted", String);
    setTimeout(() => giveUp.abort(new Error("enough")), 300);
    expect(await answer).toBe("Error: enough");
    await vi.waitFor(async () => expect(await cgroupsOf(process.pid)).toBe(2), patience);
    expect(existsSync(machine.root)).toBe(false);
    expect(await host()).toEqual(before);
  });
});

/** How many cgroups machines of a process have. */
async function cgroupsOf(pid: number): Promise<number> {
  const script = `umount -l /sys/fs/cgroup; mount -t cgroup2 none /sys/fs/cgroup; ls -d /sys/fs/cgroup/harmony-device.${pid}.*`;
  return (await run(["unshare", "--mount", "sh", "-c", script])).out.split("\n").filter(Boolean).length;
}
