import { expect, test } from "vitest";
import { readKernelFrom } from "../../../src/agent/adapters/kernel-interface.ts";

/** As `ip` of iproute2 6.15 printed it, shortened. */
const LINK = (addresses: readonly object[]): string =>
  JSON.stringify([
    {},
    {
      ifindex: 2,
      ifname: "eth0",
      flags: ["BROADCAST", "MULTICAST", "UP", "LOWER_UP"],
      mtu: 1500,
      operstate: "UP",
      link_type: "ether",
      address: "f6:3F:8d:d1:27:56",
      addr_info: addresses,
    },
  ]);

test("addresses are told with where they came from, and one that another host has does not count", () => {
  const v6 = { family: "inet6", scope: "global" };
  const links = LINK([
    { family: "inet", local: "198.51.100.2", prefixlen: 24, scope: "global", label: "eth0" },
    { family: "inet", local: "203.0.113.9", prefixlen: 24, scope: "global", dynamic: true },
    { ...v6, local: "2001:db8::5", prefixlen: 64, dynamic: true, mngtmpaddr: true },
    { ...v6, local: "2001:db8::6", prefixlen: 128, dynamic: true },
    { ...v6, local: "2001:db8::7", prefixlen: 64, dadfailed: true, tentative: true },
    { family: "inet6", local: "fe80::1", prefixlen: 64, scope: "link", protocol: "kernel_ll" },
  ]);
  expect(readKernelFrom("eth0", links, "[]")).toEqual({
    name: "eth0",
    index: 2,
    mac: "f6:3f:8d:d1:27:56",
    mtu: 1500,
    up: true,
    carrier: true,
    routes: [],
    addresses: [
      { address: "198.51.100.2/24", origin: "static" },
      { address: "203.0.113.9/24", origin: "dhcp" },
      { address: "2001:db8::5/64", origin: "autoconf" },
      { address: "2001:db8::6/128", origin: "dhcp" },
      { address: "fe80::1/64", origin: "link-local" },
    ],
  });
});

test("routes are those that somebody set, each with its whole network", () => {
  const routes = [
    { dst: "default", gateway: "198.51.100.1", protocol: "static", metric: 100, flags: [] },
    { dst: "default", gateway: "fe80::1", protocol: "ra", flags: [] },
    { dst: "default", via: { family: "inet6", host: "fe80::2" }, protocol: "static" },
    { dst: "192.0.2.7", gateway: "198.51.100.1", protocol: "static" },
    { dst: "2001:db8::7", protocol: "static" },
    { dst: "198.51.100.0/24", protocol: "kernel", scope: "link", prefsrc: "198.51.100.2" },
    { type: "local", dst: "198.51.100.2", table: "local", protocol: "kernel" },
    { dst: "10.0.0.0/8", table: "42", protocol: "static" },
    { type: "blackhole", dst: "10.0.0.0/8", protocol: "static" },
  ];
  expect(readKernelFrom("eth0", LINK([]), JSON.stringify(routes))?.routes).toEqual([
    { to: "0.0.0.0/0", via: "198.51.100.1", metric: 100 },
    { to: "::/0", via: "fe80::1", metric: null },
    { to: "::/0", via: "fe80::2", metric: null },
    { to: "192.0.2.7/32", via: "198.51.100.1", metric: null },
    { to: "2001:db8::7/128", via: null, metric: null },
  ]);
});

test("an interface that went away meanwhile is none", () => {
  expect(readKernelFrom("eth0", "[{}]", "")).toBeNull();
});

test.each([
  ["no JSON", "[{", "[]"],
  ["other JSON", "{}", "[]"],
  ["an address without its length", LINK([{ family: "inet", local: "10.0.0.1", scope: "global" }]), "[]"],
  ["routes of another shape", LINK([]), '[{"dst":1}]'],
])("%s is refused in words for an operator", (_, links, routes) => {
  expect(() => readKernelFrom("eth0", links, routes)).toThrow(
    /^Looking at eth0 failed: ip printed what is not known here/,
  );
});
