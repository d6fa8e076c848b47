import { describe, expect, test } from "vitest";
import { SystemdUnitScore } from "../../src/scores/systemd-unit.ts";
import { contractOf, FakeSystemdHost, WORLDS } from "../../src/testing/index.ts";
import { Device } from "./surroundings.ts";

describe("the contract", () => {
  test.each(contractOf(WORLDS.SystemdUnit))("$name", async (check) => {
    await expect(check.run()).resolves.toBeUndefined();
  });
});

test.each([
  [{ enabled: true, active: true }, { masked: true }, ["unmask", "enable", "reload", "start"]],
  [
    { settings: { Service: { Nice: "5" } }, enabled: false },
    { enabled: true, active: "active" },
    ["writeSettings", "disable", "reload", "restart"],
  ],
  [{ masked: true }, { active: "active" }, ["stop", "mask", "reload"]],
] as const)(
  "%j of %j reads all unit files again once, after all that makes them old: %j",
  async (wanted, there, steps) => {
    const host = new FakeSystemdHost();
    host.put("cron.service", { vendor: "installable", ...there });
    const unmasks = "masked" in there ? { masked: false } : {};
    const did = steps.map((each) => ({ do: each }));
    expect(
      await new Device({ SystemdHost: host }).interpret(
        new SystemdUnitScore({ unit: "cron.service", ...unmasks, ...wanted }),
      ),
    ).toMatchObject({ outcome: "SUCCESS", did });
    expect(host.reloads).toBe(1);
  },
);
