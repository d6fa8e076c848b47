import { describe, expect, test } from "vitest";
import { DeviceKeys } from "../../src/agent/device-keys.ts";
import { PortError } from "../../src/capabilities/port-error.ts";
import { AgentId } from "../../src/wire/keys.ts";
import { keyIdOf, sealFor, unseal } from "../../src/wire/secrets/sealed.ts";
import { MemoryDisk } from "./support/memory-disk.ts";

const now = new Date("2026-11-23T08:00:00.000Z");
const about = { agentId: AgentId.parse("pi-7"), name: "psk" };
const open = (disk: MemoryDisk) => DeviceKeys.open(disk, now, () => {});

describe("the keys of a device", () => {
  test("are made once, and found again", async () => {
    const disk = new MemoryDisk();
    const told: unknown[] = [];
    const first = await DeviceKeys.open(disk, now, (message, fields) => told.push({ message, fields }));
    const again = await open(disk);
    expect(again.published).toBe(first.published);
    expect(disk.writes).toEqual(["replace sealing-keys.json"]);
    const sealed = sealFor(Buffer.from("x"), [first.published], about);
    expect(unseal(sealed, again.own, about)).toEqual({ _tag: "Opened", bytes: Buffer.from("x") });
    // The half that never leaves is not in the log either.
    expect(told).toEqual([{ message: expect.any(String), fields: { key: keyIdOf(first.published) } }]);
  });

  test("are on disk before anybody is told of them", async () => {
    const disk = new MemoryDisk();
    disk.fail("NoSpace");
    await expect(open(disk)).rejects.toThrow(PortError);
  });

  test("are renewed: the new one is published, and what is sealed for the one before is opened", async () => {
    const disk = new MemoryDisk();
    const before = await open(disk);
    const after = await DeviceKeys.renew(disk, now);
    expect(after.published).not.toBe(before.published);
    expect((await open(disk)).published).toBe(after.published);
    const sealed = sealFor(Buffer.from("x"), [before.published], about);
    expect(unseal(sealed, after.own, about)).toMatchObject({ _tag: "Opened" });
    for (let more = 0; more < 4; more += 1) await DeviceKeys.renew(disk, now);
    const last = await open(disk);
    expect(last.own.size).toBe(4);
    expect(unseal(sealed, last.own, about)).toEqual({ _tag: "NotForThisDevice" });
  });

  test("that are damaged are never replaced, and what is wrong with them is not repeated", async () => {
    const disk = new MemoryDisk();
    for (const text of ['{"version":1,"keys":[]}', "AAAAsecretAAAA", '{"version":1,"keys":[{"private":"AAAA"}]}']) {
      disk.files.set("sealing-keys.json", Buffer.from(text));
      await expect(open(disk)).rejects.toThrow(/sealing-keys\.json in the state directory is damaged/);
      await expect(open(disk)).rejects.not.toThrow(/AAAA/);
      expect(disk.text("sealing-keys.json")).toBe(text);
    }
  });
});
