import { beforeAll, expect, test, vi } from "vitest";
import {
  ContainerScore,
  DirectoryScore,
  FileScore,
  FirewallPortsScore,
  manifest,
  PackageScore,
  PiTopology,
  SystemdServiceScore,
} from "../../src/index.ts";
import { onMachines, suiteMachines } from "./machine/for-tests.ts";
import { managed, type Managed } from "./machine/managed.ts";

onMachines("a plan on a device", () => {
  const boot = suiteMachines();
  let at: Managed;
  const endings: (() => Promise<void>)[] = [];

  beforeAll(async () => {
    const machine = await boot({ name: "planned" });
    at = await managed(machine, { cleanup: (end) => void endings.push(end) });
    await vi.waitFor(at.capabilities, { timeout: 40_000, interval: 200 });
    return async () => {
      for (const end of endings.toReversed()) await end();
    };
  }, 60_000);

  /** All files but logs, by name, size, times and owners; units and what they are at; containers, images, rules, addresses. */
  const all = async (): Promise<readonly string[]> => {
    const files = String.raw`find / -xdev \( -path /var/log -o -path /proc -o -path /sys -o -path /tmp \) -prune -o -printf '%p %s %T@ %C@ %m %U %G\n' | sort`;
    const looks = [
      files,
      "systemctl list-units --all --plain --no-legend --type=service,timer,socket | grep -v -e ^podman -e ^NetworkManager-dispatcher | sort",
      "systemctl list-unit-files --plain --no-legend | sort",
      "podman ps --all --no-trunc --format '{{.ID}} {{.Names}} {{.State}}'; podman images --no-trunc",
      "nft list ruleset",
      "ip -o address; ip route",
      "dpkg-query -W",
    ];
    return Promise.all(looks.map((look) => at.machine.run(["sh", "-ec", look], { timeoutMs: 60_000 })));
  };

  test(
    "of every kind of thing leaves all as it is: files, units, containers, rules, packages",
    { tags: ["systemd", "podman", "packet-filter", "packages"], timeout: 120_000 },
    async () => {
      const before = manifest(PiTopology, { motd: new FileScore({ path: "/srv/motd", content: "1", parents: true }) });
      expect(await at.fleet.apply(before, at.agentId, { timeoutMs: 30_000 })).toMatchObject({ _tag: "Converged" });
      const wanted = manifest(
        PiTopology,
        {
          motd: new FileScore({ path: "/srv/motd", content: "2" }),
          site: new DirectoryScore({ path: "/srv/site" }),
          web: new SystemdServiceScore({ name: "planned-web", exec: ["/usr/bin/sleep", "infinity"] }),
          box: new ContainerScore({ name: "planned-box", image: "127.0.0.1:5000/none:1" }),
          ports: new FirewallPortsScore({ name: "planned", ports: [{ port: 8080, protocol: "tcp" }] }),
          tool: new PackageScore({ name: "hello" }),
        },
        { restartOn: { web: ["motd"] } },
      );
      // Podman's own service, and the mount of its storage, come and go as it is asked; and the agent has yet to note what it told.
      await all();
      let untouched = await all();
      await vi.waitFor(
        async () => {
          const last = untouched;
          untouched = await all();
          expect(untouched).toEqual(last);
        },
        { timeout: 60_000, interval: 1000 },
      );
      for (let turn = 0; turn < 3; turn += 1) {
        const plan = await at.fleet.plan(wanted, at.agentId);
        expect(plan).toMatchObject({
          _tag: "Answered",
          reply: {
            _tag: "Plan",
            scores: {
              motd: { would: "CHANGE" },
              site: { would: "CHANGE" },
              web: { would: "CHANGE" },
              ports: { would: "CHANGE" },
            },
          },
        });
      }
      expect(await all()).toEqual(untouched);
    },
  );

  test(
    "of a service tells for how long it was down the last time, by systemd's own clock, and leaves it running",
    { tags: ["systemd"], timeout: 120_000 },
    async () => {
      const slow = (level: string) =>
        manifest(PiTopology, {
          slow: new SystemdServiceScore({
            name: "planned-slow",
            // systemd asks all processes of the service to end, and those that begin meanwhile too.
            exec: ["/bin/sh", "-c", `trap 'trap "" TERM; sleep 1; exit 0' TERM; while :; do sleep 0.1; done`],
            environment: { LEVEL: level },
          }),
        });
      const asked = async (wanted: ReturnType<typeof slow>) => {
        const plan = await at.fleet.plan(wanted, at.agentId);
        if (plan._tag !== "Answered" || plan.reply._tag !== "Plan") throw new Error(JSON.stringify(plan));
        return plan.reply.scores["slow"];
      };
      const unit = "planned-slow.service";
      const pid = () => at.machine.run(["systemctl", "show", unit, "-p", "MainPID"]);
      expect(await asked(slow("1"))).not.toHaveProperty("downtime");
      expect(await at.fleet.apply(slow("1"), at.agentId, { timeoutMs: 30_000 })).toMatchObject({ _tag: "Converged" });
      expect(await asked(slow("2"))).toMatchObject({
        would: "CHANGE",
        downtime: [{ unit, does: "restart", took: { stopMs: null, startMs: expect.any(Number) } }],
      });
      expect(await at.fleet.apply(slow("2"), at.agentId, { timeoutMs: 30_000 })).toMatchObject({ _tag: "Converged" });
      const before = await pid();
      const again = await asked(slow("3"));
      const took = again !== undefined && "downtime" in again ? again.downtime?.[0]?.took : null;
      expect(took?.stopMs).toBeGreaterThanOrEqual(1000);
      expect(took?.stopMs).toBeLessThan(10_000);
      expect(took?.startMs).toBeLessThan(10_000);
      const none = manifest(PiTopology, {});
      expect(await asked(none)).toMatchObject({ would: "RETIRE", downtime: [{ unit, does: "stop", took }] });
      expect(await pid()).toBe(before);
      expect(await at.fleet.apply(none, at.agentId, { timeoutMs: 30_000 })).toMatchObject({ _tag: "Converged" });
    },
  );
});
