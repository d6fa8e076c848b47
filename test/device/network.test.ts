import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import * as z from "zod";
import { manifest, NetworkInterfaceScore, PiTopology } from "../../src/index.ts";
import { natsServer } from "../support/nats-server.ts";
import { onMachines, suiteMachines } from "./machine/for-tests.ts";
import type { Machine } from "./machine/machine.ts";
import { managed } from "./machine/managed.ts";

const patience = { timeout: 60_000, interval: 200 };
const tags = { tags: ["network"] };

type Spec = ConstructorParameters<typeof NetworkInterfaceScore>[0];

/** What the program inside prints. */
const Ran = z.looseObject({
  outcome: z.string().optional(),
  observed: z.looseObject({}).nullish(),
  did: z.array(z.looseObject({ do: z.string() })).optional(),
});

/** eth1, whose cable ends nowhere that matters to the agent. */
const SPARE: Spec = {
  name: "eth1",
  ipv4: { method: "static", addresses: ["203.0.113.2/24"] },
  routes: [{ to: "192.0.2.0/24", via: "203.0.113.1" }],
  dns: ["203.0.113.1"],
  mac: "02-00-5E-00-53-01",
  mtu: 1400,
};
/** eth0 as it is, and one address more. */
const UPLINK: Spec = {
  name: "eth0",
  ipv4: { method: "static", addresses: ["198.51.100.2/24", "198.51.100.9/24"], gateway: "198.51.100.1" },
  confirmWithinSeconds: 5,
};
/** eth0 by an address from which nobody is to be reached. */
const deadEnd = (host: number): Spec => ({
  name: "eth0",
  ipv4: { method: "static", addresses: [`192.0.2.${host}/24`], gateway: "192.0.2.1" },
  confirmWithinSeconds: 5,
});

const isRolledBack = { outcome: "FAILURE", failure: { problem: { code: "RolledBack", retryable: false } } };
const isKnownBad = { outcome: "FAILURE", failure: { _tag: "Obstructed", obstruction: { reason: "RolledBack" } } };

describe.each(["NetworkManager", "networkd"] as const)("NetworkInterface with %s", (network) => {
  onMachines("on a booted Debian 13", () => {
    const boot = suiteMachines();
    let machine: Machine;
    let server = "";
    beforeAll(async () => {
      machine = await boot({ name: "networked", network });
      await machine.writeFile("/root/network.mjs", await program());
    }, 300_000);

    const argv = (work: string, spec: Spec): readonly string[] => [
      ...["node", "/root/network.mjs", work, server],
      JSON.stringify(spec),
    ];
    const run = async (work: string, spec: Spec): Promise<z.infer<typeof Ran>> =>
      Ran.parse(JSON.parse(await machine.run(argv(work, spec), { timeoutMs: 120_000 })));
    const interpret = async (spec: Spec): Promise<z.infer<typeof Ran>> => run("interpret", spec);
    const serve = async (): Promise<void> => {
      server = await machine.natsUrl(await natsServer());
    };

    /** All that a retired Score may leave no trace in. Addresses that a link makes for itself come and go. */
    const footprint = async () => ({
      profiles: await machine.run([
        ...[
          "sh",
          "-c",
          "cd /etc; for f in NetworkManager/system-connections/* systemd/network/*; do echo $f; cat $f; done",
        ],
      ]),
      links: z
        .array(z.looseObject({ ifname: z.string(), mtu: z.number(), address: z.string().optional() }))
        .parse(JSON.parse(await machine.run(["ip", "-j", "link"])))
        .map(({ ifname, mtu, address }) => ({ ifname, mtu, address })),
      addresses: await machine.run(["sh", "-c", "ip -4 -o address | sed 's/^[0-9]*: //; s/ *valid_lft.*//'"]),
      routes: await machine.run(["ip", "route"]),
      notes: await machine.run(["sh", "-c", "ls /var/lib/harmony-edge/agent/network 2>/dev/null || true"]),
      units: await machine.run(["sh", "-c", "systemctl list-units --all --plain --no-legend 'harmony-network*'"]),
    });
    /** What tells of a flap: the link's number, and how often its carrier came and went. */
    const steadiness = async (name: string): Promise<string> =>
      machine.run([
        "sh",
        "-c",
        `cat /sys/class/net/${name}/ifindex /sys/class/net/${name}/carrier_changes; ip -4 -o address show ${name}`,
      ]);

    test("makes it so, finds it so without touching it, changes it, and leaves no trace", tags, async () => {
      await serve();
      const before = await footprint();
      expect(await interpret(SPARE)).toMatchObject({ outcome: "SUCCESS", did: [{ do: "change" }] });
      await vi.waitFor(async () => machine.run(["busybox", "ping", "-c", "1", "-W", "1", "203.0.113.1"]), patience);
      const steady = await steadiness("eth1");
      const written = await footprint();
      for (let again = 0; again < 3; again += 1) expect(await interpret(SPARE)).toMatchObject({ outcome: "NOOP" });
      expect(await interpret({ ...SPARE, mac: "02:00:5e:00:53:01", confirmWithinSeconds: 60 })).toMatchObject({
        outcome: "NOOP",
      });
      expect([await steadiness("eth1"), await footprint()]).toEqual([steady, written]);

      const moved: Spec = { ...SPARE, ipv4: { method: "static", addresses: ["203.0.113.3/24"] } };
      expect(await interpret(moved)).toMatchObject({ outcome: "SUCCESS" });
      expect(await machine.run(["ip", "-4", "-o", "address", "show", "eth1"])).not.toContain("203.0.113.2/");
      expect(await run("retire", moved)).toMatchObject({ outcome: "SUCCESS" });
      expect(await footprint()).toEqual(before);
      expect(await run("retire", moved)).toMatchObject({ outcome: "NOOP" });
    });

    const ownProfile =
      network === "NetworkManager"
        ? "/etc/NetworkManager/system-connections/harmony-eth1.nmconnection"
        : "/etc/systemd/network/05-harmony-eth1.network";
    const setNameServer =
      network === "NetworkManager"
        ? "nmcli device modify eth1 ipv4.dns 192.0.2.53"
        : "busctl call org.freedesktop.network1 /org/freedesktop/network1 org.freedesktop.network1.Manager " +
          "SetLinkDNS 'ia(iay)' $(cat /sys/class/net/eth1/ifindex) 1 2 4 192 0 2 53";
    const reload = network === "NetworkManager" ? ["nmcli", "connection", "reload"] : ["networkctl", "reload"];
    test.each<readonly [string, readonly (readonly string[])[]]>([
      ["addresses are flushed", [["ip", "address", "flush", "dev", "eth1"]]],
      ["link is switched off", [["ip", "link", "set", "eth1", "down"]]],
      ["MTU is changed", [["ip", "link", "set", "eth1", "mtu", "1450"]]],
      ["MAC address is changed", [["ip", "link", "set", "eth1", "address", "02:00:5e:00:53:99"]]],
      ["route is deleted", [["ip", "route", "delete", "192.0.2.0/24"]]],
      ["profile is edited", [["sh", "-c", `printf '\n# mine\n' >>${ownProfile}`], reload]],
      ["profile is deleted", [["rm", ownProfile], reload]],
      ["name servers are changed", [["sh", "-c", setNameServer]]],
    ])("repairs it when its %s", tags, async (_, tampering) => {
      await serve();
      await interpret(SPARE);
      // A flush fails where NetworkManager sets the addresses again as fast.
      for (const each of tampering) await machine.exec(each);
      // Some of it NetworkManager repairs itself, at about the same time.
      expect(["SUCCESS", "NOOP"]).toContain((await interpret(SPARE)).outcome);
      expect(await interpret(SPARE)).toMatchObject({
        outcome: "NOOP",
        observed: { mtu: 1400, mac: "02:00:5e:00:53:01", dns: ["203.0.113.1"], profile: { inEffect: true } },
      });
      expect(await machine.run(["ip", "-4", "-o", "address", "show", "eth1"])).toContain("203.0.113.2/24");
    });

    test("takes a change back that cuts it off, once, and goes on with another", tags, async () => {
      await serve();
      await run("retire", SPARE);
      const before = await footprint();
      expect(await interpret(deadEnd(7))).toMatchObject(isRolledBack);
      expect({ ...(await footprint()), notes: "" }).toEqual(before);
      expect(await interpret(deadEnd(7))).toMatchObject(isKnownBad);
      expect(await interpret(UPLINK)).toMatchObject({ outcome: "SUCCESS" });
      expect(await interpret(deadEnd(8))).toMatchObject(isRolledBack);
      expect(await interpret(UPLINK)).toMatchObject({ outcome: "NOOP" });
      expect(await run("retire", UPLINK)).toMatchObject({ outcome: "SUCCESS" });
      expect(await footprint()).toEqual(before);
    });

    test("takes a change back whose maker was killed in the middle, and does not try it again", tags, async () => {
      await serve();
      const before = await footprint();
      await machine.run(["systemd-run", "--quiet", "--collect", "--unit=try", ...argv("interpret", deadEnd(9))]);
      const addresses = async (): Promise<string> => machine.run(["ip", "-4", "-o", "address", "show", "eth0"]);
      await vi.waitFor(async () => expect(await addresses()).toContain("192.0.2.9/24"), patience);
      await machine.run(["systemctl", "kill", "--signal=KILL", "try.service"]);
      expect(await addresses()).toContain("192.0.2.9/24");
      await vi.waitFor(async () => expect(await addresses()).toContain("198.51.100.2/24"), patience);
      expect(await run("preview", deadEnd(9))).toMatchObject({ steps: [{ do: "rollBack" }] });
      expect(await interpret(deadEnd(9))).toMatchObject(isKnownBad);
      expect(await interpret(deadEnd(9))).toMatchObject({ ...isKnownBad, did: [] });
      expect(await run("retire", deadEnd(9))).toMatchObject({ outcome: "SUCCESS" });
      expect(await footprint()).toEqual(before);
    });

    test("takes a change back after the power failed in the middle of it", tags, async () => {
      await serve();
      const before = await footprint();
      // It waits for an address that nobody gives.
      const slow: Spec = { name: "eth1", ipv4: { method: "dhcp" }, confirmWithinSeconds: 120, attempt: 7 };
      await machine.run(["systemd-run", "--quiet", "--collect", "--unit=try", ...argv("interpret", slow)]);
      await vi.waitFor(async () => machine.readFile(ownProfile), patience);
      await machine.reboot("power loss");
      expect(await machine.readFile(ownProfile)).toContain("eth1");
      expect(await interpret(slow)).toMatchObject({ ...isKnownBad, did: [{ do: "rollBack" }] });
      expect(await run("retire", slow)).toMatchObject({ outcome: "SUCCESS" });
      // The cables are new at each boot, with other MAC addresses.
      expect({ ...(await footprint()), links: [] }).toEqual({ ...before, links: [] });
    });

    const addressing: readonly (readonly [string, Partial<Spec>, readonly string[]])[] = [
      [
        "static IPv6 with a gateway on the link, a route and a name server",
        {
          ipv6: { method: "static", addresses: ["2001:DB8:0::2/64"], gateway: "fe80::1" },
          routes: [{ to: "2001:db8:1::/48", via: "2001:db8::7", metric: 77 }, { to: "192.0.2.0/24" }],
          dns: ["203.0.113.1", "2001:db8::53"],
        },
        ["203.0.113.2/24", "2001:db8::2/64"],
      ],
      ["no IPv6 and a small MTU", { ipv6: { method: "off" }, mtu: 600 }, ["203.0.113.2/24"]],
      ["IPv6 on the link alone", { ipv6: { method: "link-local" }, dns: ["203.0.113.1"] }, ["203.0.113.2/24"]],
      [
        "no IPv4",
        { ipv4: { method: "off" }, ipv6: { method: "static", addresses: ["2001:db8::3/64"] } },
        ["2001:db8::3/64"],
      ],
    ];
    test.each(addressing)("makes it so: %s", tags, async (_, how, addresses) => {
      await serve();
      const { name, ipv4 } = SPARE;
      const spec: Spec = { name, ipv4, ...how };
      expect(await interpret(spec)).toMatchObject({ outcome: "SUCCESS" });
      const seen = await interpret(spec);
      expect(seen).toMatchObject({ outcome: "NOOP" });
      const isOwn = ({ origin }: { readonly origin: string }): boolean => origin === "static";
      const all = z.array(z.object({ address: z.string(), origin: z.string() })).parse(seen.observed?.["addresses"]);
      expect(all.filter(isOwn).map(({ address }) => address)).toEqual(addresses);
      expect(await run("retire", spec)).toMatchObject({ outcome: "SUCCESS" });
    });

    test("takes it back when no DHCP server gives an address, and says so", tags, async () => {
      await serve();
      const spec: Spec = { name: "eth1", ipv4: { method: "dhcp" }, confirmWithinSeconds: 5 };
      expect(await interpret(spec)).toMatchObject({
        ...isRolledBack,
        failure: { problem: { message: expect.stringContaining("no address by DHCP") } },
      });
      expect(await run("retire", spec)).toMatchObject({ outcome: "SUCCESS" });
    });

    test("changes nothing that it could not confirm", tags, async () => {
      server = "nats://198.51.100.1:1";
      const before = await footprint();
      expect(await interpret(SPARE)).toMatchObject({
        outcome: "FAILURE",
        failure: { problem: { code: "Unavailable", message: expect.stringContaining("nothing was changed") } },
      });
      expect(await footprint()).toEqual(before);
    });

    test("says that the cable is out, and goes on when it is in again", tags, async () => {
      await serve();
      await interpret(SPARE);
      await machine.outside(["ip", "link", "set", "up1", "down"]);
      onTestFinished(async () => void (await machine.outside(["ip", "link", "set", "up1", "up"])));
      // NetworkManager waits some seconds before it takes the addresses away.
      await vi.waitFor(
        async () =>
          expect(await interpret(SPARE)).toMatchObject({
            outcome: "FAILURE",
            failure: { obstruction: { obstructed: expect.stringContaining("no carrier") } },
          }),
        patience,
      );
      await machine.outside(["ip", "link", "set", "up1", "up"]);
      await vi.waitFor(async () => expect(await interpret(SPARE)).toMatchObject({ outcome: "NOOP" }), patience);
      expect(await run("retire", SPARE)).toMatchObject({ outcome: "SUCCESS" });
    });

    test("is carried through by the agent, and taken back when the cable to its server is cut", tags, async () => {
      const { fleet, agentId, ...control } = await managed(machine);
      expect((await vi.waitFor(async () => control.capabilities(), patience)).capabilities).toMatchObject({
        NetworkConfigurator: { backEnds: [network === "networkd" ? "systemd-networkd" : network] },
      });
      const before = await footprint();
      const uplink = new NetworkInterfaceScore(UPLINK);
      expect(await fleet.apply(manifest(PiTopology, { uplink }), agentId)).toMatchObject({
        _tag: "Converged",
        status: { scores: { uplink: { state: "Ready", outcome: "SUCCESS" } } },
      });
      // Drift that nobody told the agent of, but the kernel.
      await machine.run(["ip", "address", "delete", "198.51.100.9/24", "dev", "eth0"]);
      await vi.waitFor(
        async () =>
          expect(await machine.run(["ip", "-4", "-o", "address", "show", "eth0"])).toContain("198.51.100.9/24"),
        patience,
      );

      const third: Spec = {
        ...UPLINK,
        ipv4: { method: "static", addresses: ["198.51.100.2/24", "198.51.100.10/24"], gateway: "198.51.100.1" },
      };
      const applying = fleet.apply(manifest(PiTopology, { uplink: new NetworkInterfaceScore(third) }), agentId, {
        timeoutMs: 90_000,
      });
      // Settings that are right, and a cable that is cut in the middle of the change: they are not to be kept either.
      await vi.waitFor(
        async () =>
          expect(await machine.run(["ip", "-4", "-o", "address", "show", "eth0"])).toContain("198.51.100.10/24"),
        { timeout: 30_000, interval: 10 },
      );
      await machine.outside(["ip", "link", "set", "up0", "down"]);
      await vi.waitFor(
        async () =>
          expect(await machine.run(["cat", "/var/lib/harmony-edge/agent/network/eth0.json"])).toMatch(
            /"rolledBack":\{/,
          ),
        patience,
      );
      await machine.outside(["ip", "link", "set", "up0", "up"]);
      expect(await applying).toMatchObject({
        status: { scores: { uplink: { state: "Failed", error: { reason: "RolledBack", retryable: false } } } },
      });
      const addresses = await machine.run(["ip", "-4", "-o", "address", "show", "eth0"]);
      expect(addresses).toContain("198.51.100.9/24");
      expect(addresses).not.toContain("198.51.100.10/24");
      expect(await fleet.remove(agentId)).toMatchObject({ _tag: "Converged" });
      expect(await footprint()).toEqual(before);
    });
  });
});

/** The program that interprets one Score, in one file. */
async function program(): Promise<string> {
  const bundled = await build({
    entryPoints: [fileURLToPath(new URL("inside/network.ts", import.meta.url))],
    bundle: true,
    write: false,
    platform: "node",
    target: "node20",
    format: "esm",
    banner: { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' },
    logLevel: "silent",
  });
  return bundled.outputFiles[0]?.text ?? "";
}
