import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { HostNetwork } from "../../../src/agent/adapters/host-network.ts";
import { NetworkNotes } from "../../../src/agent/adapters/network-notes.ts";
import { NodeFileSystem } from "../../../src/agent/adapters/node-file-system.ts";

/** A host whose system bus is not there. What it does where one is, the device tests show. */
function hostWithoutBus(): { readonly network: HostNetwork; readonly root: string } {
  const root = mkdtempSync(join(tmpdir(), "harmony-test-network-"));
  const files = new NodeFileSystem();
  const network = new HostNetwork({
    files,
    reachable: () => Promise.resolve(true),
    notesPath: join(root, "notes"),
    address: `unix:path=${root}/no-bus`,
  });
  onTestFinished(() => {
    network.close();
    files.close();
    rmSync(root, { recursive: true });
  });
  return { network, root };
}
const { signal } = new AbortController();

test("without NetworkManager and systemd-networkd nothing is offered, always in the same words", async () => {
  const { network } = hostWithoutBus();
  expect(await network.detect(signal)).toEqual({
    _tag: "Absent",
    reason: "NetworkManager or systemd-networkd not found",
  });
});

test("an interface that is not there is absent, and cannot be changed", async () => {
  const { network } = hostWithoutBus();
  expect(await network.interface("harmony-none", signal)).toEqual({
    name: "harmony-none",
    state: "absent",
    profile: null,
    trying: null,
    rolledBack: null,
  });
  const repairing = network.repair(
    "harmony-none",
    { ipv4: { method: "dhcp" }, ipv6: { method: "auto" }, routes: [], dns: [], mac: null, mtu: null },
    { withinMs: 1000 },
    signal,
  );
  await expect(repairing).rejects.toMatchObject({ problem: { code: "NotFound" } });
});

test("what is not there is removed and taken back without a complaint", async () => {
  const { network } = hostWithoutBus();
  await expect(network.remove("harmony-none", 1, { confirmWithinMs: 1000 }, signal)).resolves.toBeUndefined();
  await expect(network.rollBack("harmony-none", signal)).resolves.toBeUndefined();
});

test("a watch can be stopped, and all are ended with the adapter", () => {
  const { network } = hostWithoutBus();
  const stop = network.watch("harmony-none", () => {});
  expect(stop).not.toThrow();
  network.watch("harmony-none", () => {});
  expect(() => network.close()).not.toThrow();
});

test("a note is read back as it was written, and one that is broken counts as none", async () => {
  const { root } = hostWithoutBus();
  const notes = new NetworkNotes(join(root, "n"));
  const before = {
    text: null,
    active: "x",
    mac: "02:00:00:00:00:01",
    mtu: 1500,
    up: true,
    addresses: ["192.0.2.1/24"],
  };
  const trying = { id: "a", attempt: 1, backEnd: "NetworkManager" as const, token: "/1", sha256: null, before };
  const note = { stored: null, confirmed: "c", rolledBack: { id: "b", attempt: 2 }, trying, original: before };
  await notes.write("eth0", note);
  expect(notes.read("eth0")).toEqual(note);
  writeFileSync(join(root, "n", "eth0.json"), '{"stored"');
  expect(notes.read("eth0")).toMatchObject({ confirmed: null, trying: null });
  notes.forget("eth0");
  expect(notes.read("eth0")).toMatchObject({ rolledBack: null });
});
