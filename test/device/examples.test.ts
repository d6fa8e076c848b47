import { fileURLToPath } from "node:url";
import { beforeAll, expect, test, vi } from "vitest";
import { AgentStatus } from "../../src/wire/status.ts";
import { onMachines, suiteMachines } from "./machine/for-tests.ts";
import type { Machine } from "./machine/machine.ts";
import { type Managed, managed } from "./machine/managed.ts";
import { type Ran, run } from "./machine/run.ts";

const patience = { timeout: 20_000, interval: 100 };
const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** Runs the command line as a person would, on this host. */
const harmony = async ({ url }: Managed, ...args: readonly string[]): Promise<Ran> =>
  run([process.execPath, here("../../bin/harmony.js"), ...args], {
    timeoutMs: 200_000,
    env: { ...process.env, HARMONY_SERVER: url, NO_COLOR: "1" },
  });

async function succeeds(at: Managed, ...args: readonly string[]): Promise<void> {
  const ran = await harmony(at, ...args);
  if (ran.code !== 0) throw new Error(`harmony ${args.join(" ")}: ${ran.out}${ran.err}`);
}

async function statusOf(at: Managed): Promise<AgentStatus> {
  const told = await harmony(at, "status", at.agentId, "--json");
  return AgentStatus.parse(JSON.parse(told.out));
}

/** What the status says came of each Score. */
async function outcomes(at: Managed): Promise<ReadonlySet<string>> {
  const { scores } = await statusOf(at);
  return new Set(Object.values(scores).map(({ state, outcome }) => `${state} ${outcome}`));
}

/** What is asked for from the other end of the machine's cable. Rejects where nothing answers. */
const get = async (machine: Machine, url: string): Promise<string> =>
  machine.outside([
    process.execPath,
    "-e",
    "fetch(process.argv[1], { signal: AbortSignal.timeout(2000) }).then(async (answer) => process.stdout.write(await answer.text()))",
    url,
  ]);

/** All that an example could leave behind: files with their kinds and rights, units, network and packet filter. */
async function traces(machine: Machine): Promise<string> {
  const folders = ["/etc", "/opt", "/root", "/srv", "/usr/local", "/var/lib", "/var/www"];
  const kept = [
    "/var/lib/harmony-edge/*",
    "/var/lib/systemd/*",
    "/var/lib/apt/*",
    "/var/lib/dpkg/*",
    "/var/lib/NetworkManager/*",
    // Podman's own; what it holds is asked of itself.
    "/var/lib/containers/*",
    // Debian's own purge of haproxy leaves the directory that it was confined to.
    "/var/lib/haproxy*",
  ];
  const not = kept.flatMap((path) => ["-not", "-path", path]);
  const held = [
    await machine.run(["podman", "ps", "--all", "--noheading", "--format", "container {{.Names}}"]),
    await machine.run(["podman", "images", "--noheading", "--format", "image {{.Repository}}:{{.Tag}}"]),
    await machine.run(["ip", "-brief", "address", "show", "dev", "eth1"]),
    // Podman leaves tables of its own without any rule in them.
    (await machine.run(["nft", "list", "tables"])).split("\n").filter((table) => table.includes("harmony")),
  ];
  const files = await machine.exec(["find", ...folders, ...not, "-printf", "%p %y %m %u %g %l\n"]);
  const units = await machine.run([
    ...["systemctl", "list-units", "--all", "--plain", "--no-legend", "--no-pager"],
    ...["--type=service,timer,socket"],
  ]);
  const ran = units.split("\n").map((line) => line.split(/\s+/).slice(0, 3).join(" "));
  // What runs by itself, now and then, is none of theirs.
  const own = ran.filter((line) => !/^(systemd-|user|dbus|polkit|podman|NetworkManager-dispatcher)/.test(line));
  return [...held, ...files.out.split("\n").toSorted(), ...own.toSorted()].join("\n");
}

/** Applies it as a person would: done, and done again for nothing; then `look`; and nothing is left when it is removed. */
async function tryOut(at: Managed, example: string, look: () => Promise<void>): Promise<void> {
  const before = await traces(at.machine);
  const apply = ["apply", here(`../../examples/${example}`), "--agent", at.agentId, "--timeout", "170s"];
  await succeeds(at, ...apply);
  expect(await outcomes(at)).toEqual(new Set(["Ready SUCCESS"]));
  await succeeds(at, ...apply);
  expect(await outcomes(at)).toEqual(new Set(["Ready NOOP"]));
  await look();
  await succeeds(at, "remove", at.agentId, "--yes", "--timeout", "170s");
  await vi.waitFor(async () => expect(await traces(at.machine)).toBe(before), patience);
}

onMachines("on a booted Debian 13, the example", () => {
  const boot = suiteMachines();
  const stops: (() => Promise<void>)[] = [];
  let at: Managed;
  beforeAll(async () => {
    at = await managed(await boot({ name: "examples" }), { cleanup: (stop) => void stops.push(stop) });
    await vi.waitFor(async () => at.capabilities(), patience);
    return async () => {
      for (const stop of stops.toReversed()) await stop();
    };
  });

  test("sensor-gateway serves a sensor's value to its network", { tags: ["systemd"] }, async () => {
    await tryOut(at, "sensor-gateway.ts", async () => {
      const answer = await vi.waitFor(async () => get(at.machine, "http://198.51.100.2:8090/latest"), patience);
      expect(JSON.parse(answer)).toEqual({ value: expect.any(Number), at: expect.any(String) });
      await at.machine.run(["systemctl", "start", "sensor-gateway-report.service"]);
      const said = await at.machine.run(["journalctl", "--unit", "sensor-gateway-report.service", "--output", "cat"]);
      expect(said).toContain('{"value":');
    });
  });

  test(
    "local-web-app spreads its work over two copies, and goes on with the one that is left",
    { tags: ["systemd", "packages", "packet-filter"] },
    async () => {
      await tryOut(at, "local-web-app.ts", async () => {
        const ask = async (): Promise<string> => get(at.machine, "http://198.51.100.2:8000/");
        const both = [await vi.waitFor(ask, patience), await ask()];
        expect(both.toSorted()).toEqual(["hello from blue\n", "hello from green\n"]);
        // Nothing but the balancer is reached from outside.
        await expect(get(at.machine, "http://198.51.100.2:8001/")).rejects.toThrow("port: 8001");
        await at.machine.run(["systemctl", "stop", "harmony-agent.service", "web-app-blue.service"]);
        await vi.waitFor(async () => {
          expect([await ask(), await ask(), await ask()]).toEqual(Array(3).fill("hello from green\n"));
        }, patience);
        await at.machine.run(["systemctl", "start", "harmony-agent.service"]);
      });
    },
  );

  test(
    "kiosk-pi shows its page on its screen, and to those who come by its second network",
    { tags: ["systemd", "podman", "network"] },
    async () => {
      const { machine } = at;
      const image = "127.0.0.1:5000/busybox:1";
      await machine.run(["systemctl", "start", "docker-registry.service"]);
      await machine.run(["podman", "import", "--quiet", "/opt/busybox.tar", image]);
      await vi.waitFor(async () => machine.run(["podman", "push", "--quiet", image]), patience);
      await machine.run(["podman", "rmi", image]);
      await tryOut(at, "kiosk-pi.ts", async () => {
        expect(await vi.waitFor(async () => get(machine, "http://203.0.113.2:8080/"), patience)).toContain(
          "Departures",
        );
        const journal = ["journalctl", "--unit", "kiosk-screen.service", "--output", "cat"];
        await vi.waitFor(async () => expect(await machine.run(journal)).toContain("showing Departures\n"), patience);
      });
      await expect(get(machine, "http://203.0.113.2:8080/")).rejects.toThrow("203.0.113.2");
      await machine.run(["systemctl", "stop", "docker-registry.service"]);
    },
  );
});
