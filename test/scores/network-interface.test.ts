import { describe, expect, test } from "vitest";
import type { InterfaceProfile } from "../../src/capabilities/network-configurator.ts";
import { NetworkInterfaceScore } from "../../src/scores/network-interface.ts";
import { contractOf, FakeNetworkConfigurator, WORLDS } from "../../src/testing/index.ts";
import { Device } from "./surroundings.ts";

describe("the contract", () => {
  test.each(contractOf(WORLDS.NetworkInterface))("$name", async (check) => {
    await expect(check.run()).resolves.toBeUndefined();
  });
});

type Spec = ConstructorParameters<typeof NetworkInterfaceScore>[0];
const wanted = (addresses: readonly string[], more: Partial<Spec> = {}): NetworkInterfaceScore =>
  new NetworkInterfaceScore({ name: "eth0", ipv4: { method: "static", addresses: [...addresses] }, ...more });

const theirs: InterfaceProfile = {
  ipv4: { method: "static", addresses: ["198.51.100.9/24"], gateway: null },
  ipv6: { method: "off" },
  routes: [],
  dns: [],
  mac: null,
  mtu: null,
};

/** A network from which 192.0.2.0/24 leads nowhere. */
function deviceWithDeadEnd(): { readonly device: Device; readonly network: FakeNetworkConfigurator } {
  const network = new FakeNetworkConfigurator({
    cutsOff: (_, profile) => JSON.stringify(profile).includes("192.0.2."),
  });
  network.put("eth0", { theirs });
  return { device: new Device({ NetworkConfigurator: network }), network };
}

const isRolledBack = {
  outcome: "FAILURE",
  failure: { _tag: "PortFailed", problem: { code: "RolledBack", retryable: false } },
};
const isKnownBad = {
  outcome: "FAILURE",
  did: [],
  failure: { _tag: "Obstructed", obstruction: { reason: "RolledBack", next: expect.stringContaining("attempt") } },
};

test("a change that cuts the agent off is taken back, and the same settings are not tried again", async () => {
  const { device, network } = deviceWithDeadEnd();
  const before = network.tree();
  const bad = wanted(["192.0.2.2/24"]);
  expect(await device.interpret(bad)).toMatchObject(isRolledBack);
  expect(network.tree()).toEqual(before);
  for (let again = 0; again < 3; again += 1) expect(await device.interpret(bad)).toMatchObject(isKnownBad);
});

test("settings that were taken back are tried again once the Score changes, or its attempt is raised", async () => {
  const { device } = deviceWithDeadEnd();
  expect(await device.interpret(wanted(["192.0.2.2/24"]))).toMatchObject(isRolledBack);
  expect(await device.interpret(wanted(["192.0.2.3/24"]))).toMatchObject(isRolledBack);
  expect(await device.interpret(wanted(["192.0.2.3/24"]))).toMatchObject(isKnownBad);
  expect(await device.interpret(wanted(["192.0.2.3/24"], { attempt: 2 }))).toMatchObject(isRolledBack);
  expect(await device.interpret(wanted(["198.51.100.2/24"]))).toMatchObject({ outcome: "SUCCESS" });
  expect(await device.interpret(wanted(["192.0.2.3/24"], { attempt: 2 }))).toMatchObject(isRolledBack);
});

test("what the agent began before it was killed is taken back first, and counts as tried", async () => {
  const { device, network } = deviceWithDeadEnd();
  const good = wanted(["198.51.100.2/24"]);
  await device.interpret(good);
  const seen = await network.interface("eth0", new AbortController().signal);
  network.put("eth0", { trying: { id: seen.profile?.id ?? "", attempt: 1 } });
  expect(await device.interpret(good)).toMatchObject({ ...isKnownBad, did: [{ do: "rollBack" }] });
  expect(network.tree()).toMatchObject({ "live:eth0": { addresses: ["198.51.100.9/24"] } });
  expect(await device.interpret(good)).toMatchObject(isKnownBad);
});

test("another change that was begun before is taken back, and then the Score's own is made", async () => {
  const { device, network } = deviceWithDeadEnd();
  network.put("eth0", { trying: { id: "another", attempt: 1 } });
  expect(await device.interpret(wanted(["198.51.100.2/24"]))).toMatchObject({
    outcome: "SUCCESS",
    did: [{ do: "rollBack" }, { do: "change" }],
  });
});

test("what is removed and cuts the agent off comes back, and is not removed again", async () => {
  const network = new FakeNetworkConfigurator({ cutsOff: (_, profile) => profile === null });
  network.put("eth0", {});
  const device = new Device({ NetworkConfigurator: network });
  const score = wanted(["198.51.100.2/24"]);
  await device.interpret(score);
  const before = network.tree();
  expect(await device.retire(score)).toMatchObject(isRolledBack);
  expect(network.tree()).toEqual(before);
  expect(await device.retire(score)).toMatchObject({ failure: { obstruction: { reason: "RolledBack" } } });
  // And it is kept as it was, if the Score is put back.
  expect(await device.interpret(score)).toMatchObject({ outcome: "NOOP" });
});

test.each([
  ["flushed", { addresses: [] }, "198.51.100.2/24 is missing"],
  ["switched off", { up: false }, "the link is down"],
  ["given another MTU", { mtu: 1300 }, "the MTU is 1300"],
] as const)(
  "an interface that was %s is repaired without a new profile, and the step says why",
  async (_, live, why) => {
    const { device, network } = deviceWithDeadEnd();
    const score = wanted(["198.51.100.2/24"], { mtu: 1500 });
    await device.interpret(score);
    network.put("eth0", { live });
    expect(await device.interpret(score)).toMatchObject({
      outcome: "SUCCESS",
      did: [{ do: "repair", because: expect.arrayContaining([why]) }],
    });
  },
);

test("an address that others added stays", async () => {
  const { device, network } = deviceWithDeadEnd();
  const score = wanted(["198.51.100.2/24"]);
  await device.interpret(score);
  network.put("eth0", { live: { addresses: ["198.51.100.2/24", "198.51.100.250/32"] } });
  expect(await device.interpret(score)).toMatchObject({ outcome: "NOOP" });
});

test.each<readonly [string, Partial<Spec> & Record<string, unknown>, string]>([
  ["no interface's name", { name: "eth0/x" }, "name"],
  ["the loopback", { name: "lo" }, "loopback"],
  ["an address without a prefix", { ipv4: { method: "static", addresses: ["198.51.100.2"] } }, "prefix"],
  ["the address of the network", { ipv4: { method: "static", addresses: ["198.51.100.0/24"] } }, "address of its own"],
  ["the broadcast address", { ipv4: { method: "static", addresses: ["198.51.100.255/24"] } }, "address of its own"],
  ["leading zeros", { ipv4: { method: "static", addresses: ["198.051.100.2/24"] } }, "address"],
  [
    "an address twice",
    { ipv6: { method: "static", addresses: ["2001:db8::1/64", "2001:DB8:0::1/64"] } },
    "there twice",
  ],
  [
    "a gateway elsewhere",
    { ipv4: { method: "static", addresses: ["198.51.100.2/24"], gateway: "203.0.113.1" } },
    "in none of the interface's own networks",
  ],
  [
    "itself as the gateway",
    { ipv4: { method: "static", addresses: ["198.51.100.2/24"], gateway: "198.51.100.2" } },
    "in none of the interface's own networks",
  ],
  ["a route with host bits", { routes: [{ to: "192.0.2.1/24" }] }, "beyond its prefix"],
  ["a route across families", { routes: [{ to: "192.0.2.0/24", via: "2001:db8::1" }] }, "own family"],
  ["a route of a family that is off", { ipv6: { method: "off" }, routes: [{ to: "2001:db8::/32" }] }, "is off"],
  ["a name server out of reach", { ipv6: { method: "off" }, dns: ["2001:db8::53"] }, "name server"],
  ["a MAC address of a group", { mac: "01:00:5e:00:00:01" }, "of a group"],
  ["an MTU too small for IPv6", { mtu: 600 }, "1280"],
  ["nothing at all", { ipv4: { method: "off" }, ipv6: { method: "off" } }, "no use"],
])("a spec with %s is refused by name", (_, spec, why) => {
  const all = { name: "eth0", ipv4: { method: "dhcp" }, ...spec };
  expect(() => NetworkInterfaceScore.parse(all)).toThrow(why);
});
