import { describe, expect, test } from "vitest";
import { FakeSystemdHost } from "../../src/testing/index.ts";
import { systemdHostContract } from "./systemd-host.contract.ts";

describe("the supervisor in memory, as a SystemdHost", () => {
  test.each(systemdHostContract)("$name", async ({ run }) => {
    const host = new FakeSystemdHost();
    const stage = {
      host,
      put: (...[unit, to]: Parameters<FakeSystemdHost["put"]>) => host.put(unit, to),
      reloads: () => host.reloads,
    };
    await expect(run(stage)).resolves.toBeUndefined();
  });
});
