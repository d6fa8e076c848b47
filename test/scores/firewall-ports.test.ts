import * as fc from "fast-check";
import { isIP } from "node:net";
import { describe, expect, test } from "vitest";
import { canonicalNetwork, isNetwork } from "../../src/scores/addresses.ts";
import { FirewallPortsScore, wanFirewallPorts } from "../../src/scores/index.ts";
import { contractOf, FakePacketFilter, WORLDS } from "../../src/testing/index.ts";
import { Device } from "./surroundings.ts";

describe("the contract", () => {
  test.each(contractOf(WORLDS.FirewallPorts))("$name", async (check) => {
    await expect(check.run()).resolves.toBeUndefined();
  });
});

/** What a filter that was empty holds of the Score afterwards. */
async function held(score: FirewallPortsScore): Promise<unknown> {
  const filter = new FakePacketFilter();
  await new Device({ PacketFilter: filter }).interpret(score);
  return JSON.parse(filter.facts()[`part:${score.spec.name}`] ?? "null");
}

describe("open ports", () => {
  test("mean the same in whatever order and however often they are named", async () => {
    const port = fc.oneof(
      fc.integer({ min: 1, max: 50 }),
      fc.record({ first: fc.integer({ min: 1, max: 25 }), last: fc.integer({ min: 25, max: 50 }) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(port, { minLength: 1 }), async (ports) => {
        const covered = [...Array(60).keys()].filter((at) =>
          ports.some((each) => (typeof each === "number" ? each === at : each.first <= at && at <= each.last)),
        );
        const ranges: { first: number; last: number }[] = [];
        for (const at of covered) {
          const last = ranges.at(-1);
          if (last?.last === at - 1) last.last = at;
          else ranges.push({ first: at, last: at });
        }
        const score = new FirewallPortsScore({ name: "a", ports: ports.map((each) => ({ port: each })) });
        expect(await held(score)).toEqual({
          interfaces: null,
          openings: [{ protocol: "tcp", ports: ranges, from: null }],
          drops: false,
        });
      }),
    );
  });

  test("of the interface to the outside close all others there", async () => {
    expect(await held(wanFirewallPorts({ name: "wan", interface: "eth0", ports: [443] }))).toEqual({
      interfaces: ["eth0"],
      openings: [{ protocol: "tcp", ports: [{ first: 443, last: 443 }], from: null }],
      drops: true,
    });
  });

  test.each([
    ["a network with host bits", { name: "a", ports: [{ port: 22, from: ["10.1.2.3/8"] }] }, "host bits"],
    ["a port above 65535", { name: "a", ports: [{ port: 65_536 }] }, "65535"],
    ["a range that ends before it begins", { name: "a", ports: [{ port: { first: 9, last: 8 } }] }, "comes first"],
    ["the loopback", { name: "a", interfaces: ["lo"] }, "always open"],
    ["a pattern of interfaces", { name: "a", interfaces: ["eth*"] }, "an interface is"],
    ["no interfaces at all", { name: "a", interfaces: [] }, "interfaces"],
    ["a name that is no label", { name: "a b" }, "a name is"],
  ])("are refused where the spec has %s", (_, spec, reason) => {
    expect(() => FirewallPortsScore.parse(spec)).toThrow(reason);
  });
});

describe("an address", () => {
  test("has one way to be written", () => {
    for (const each of ["2001:DB8::7", "2001:db8:0::7/128", "2001:0db8:0:0:0:0:0:0007"]) {
      expect(canonicalNetwork(each)).toBe("2001:db8:0:0:0:0:0:7");
    }
    expect(canonicalNetwork("::ffff:192.0.2.1")).toBe("0:0:0:0:0:ffff:c000:201");
    expect(canonicalNetwork("192.0.2.1/32")).toBe("192.0.2.1");
    expect(canonicalNetwork("::/0")).toBe("0:0:0:0:0:0:0:0/0");
  });

  test("stays the same address when it is written so", () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV6(), fc.ipV4()), (address) => {
        const canonical = canonicalNetwork(address);
        expect(isIP(canonical)).toBe(isIP(address));
        expect(canonicalNetwork(canonical)).toBe(canonical);
        if (isIP(address) === 6) {
          expect(new URL(`http://[${canonical}]`).host).toBe(new URL(`http://[${address}]`).host);
        }
      }),
    );
  });

  test.each([
    ["10.0.0.0/8", true],
    ["10.0.0.1/8", false],
    ["10.128.0.0/9", true],
    ["0.0.0.0/0", true],
    ["2001:db8::/32", true],
    ["2001:db8::1/127", false],
    ["::1.2.3.0/120", true],
    ["fe80::1", true],
  ])("is a network or is not: %s, %s", (source, is) => {
    expect(isNetwork(source)).toBe(is);
  });
});
