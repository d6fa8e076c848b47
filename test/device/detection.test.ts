import { arch, totalmem } from "node:os";
import { beforeAll, expect, test, vi } from "vitest";
import { manifest, PiTopology, SystemdServiceScore } from "../../src/index.ts";
import { objections } from "../../src/check/index.ts";
import { onMachines, suiteMachines } from "./machine/for-tests.ts";
import type { Machine } from "./machine/machine.ts";
import { managed } from "./machine/managed.ts";

/** What no device offers that was not told to. */
const NOT_ALLOWED = { AuditedShell: "not enabled on this device (harmony agent run --allow-audited-shell)" };
const patience = { timeout: 20_000, interval: 100 };
const clock = manifest(PiTopology, {
  clock: new SystemdServiceScore({ name: "clock", exec: ["/usr/bin/sleep", "1000"] }),
});

onMachines("the agent on a booted Debian 13", () => {
  const boot = suiteMachines();
  let machine: Machine;
  beforeAll(async () => {
    machine = await boot({ name: "detecting" });
  });

  test("publishes what it found, and what the machine is", { tags: ["systemd"] }, async () => {
    const { capabilities } = await managed(machine);
    // On a busy machine a look may take too long, and is made again.
    const document = await vi.waitFor(async () => {
      const told = await capabilities();
      expect(told.absent).toEqual(NOT_ALLOWED);
      return told;
    }, patience);
    expect(document.capabilities).toMatchObject({ FileSystemHost: { root: "/" }, SystemdHost: {} });
    expect(document.device).toMatchObject({
      architecture: arch(),
      memoryBytes: totalmem(),
      operatingSystem: "Debian GNU/Linux 13 (trixie)",
    });
  });

  test(
    "refuses what needs systemd while its bus is down, in one sentence at every gate, and makes it so once it is up",
    { tags: ["systemd"] },
    async () => {
      await machine.run(["systemctl", "stop", "harmony-agent.service"]);
      await machine.run(["systemctl", "mask", "--runtime", "dbus.socket", "dbus.service"]);
      await machine.run(["systemctl", "stop", "dbus.socket", "dbus.service"]);
      const { fleet, agentId, capabilities } = await managed(machine);
      const { absent } = await vi.waitFor(capabilities, patience);
      const sentence = `SystemdServiceScore requires SystemdHost, which PiTopology lacks: ${absent?.["SystemdHost"]}`;
      const document = await capabilities();
      expect(objections(clock, [{ _tag: "Agent", document }]).map((each) => each.sentence)).toEqual([sentence]);
      expect(await fleet.apply(clock, agentId)).toMatchObject({ _tag: "Lacking", objections: [{ sentence }] });

      await machine.run(["systemctl", "unmask", "--runtime", "dbus.socket", "dbus.service"]);
      // NetworkManager went down with its bus.
      await machine.run(["systemctl", "start", "dbus.socket", "NetworkManager.service"]);
      await vi.waitFor(async () => expect((await capabilities()).absent).toEqual(NOT_ALLOWED), {
        timeout: 70_000,
        interval: 200,
      });
      expect(await fleet.apply(clock, agentId)).toMatchObject({ _tag: "Converged" });
      expect(await machine.run(["systemctl", "is-active", "clock.service"])).toBe("active\n");
    },
  );
});
