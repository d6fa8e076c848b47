import { expect, test } from "vitest";
import { chainsIn } from "../../../src/agent/adapters/nft-listing.ts";
import { canonicalText, partOf } from "../../../src/agent/adapters/nft-rules.ts";

/** As nft 1.1.3 prints it. */
const listing = (expr: readonly unknown[], more: object = {}): string =>
  JSON.stringify({
    nftables: [
      { metainfo: { version: "1.1.3", json_schema_version: 1 } },
      { table: { family: "inet", name: "harmony", handle: 1 } },
      { chain: { family: "inet", table: "harmony", name: "open-web", handle: 2 } },
      { rule: { family: "inet", table: "harmony", chain: "open-web", handle: 3, expr, ...more } },
      { set: { family: "inet", table: "harmony", name: "s", handle: 4 } },
    ],
  });

const [[, wanted] = ["", { properties: {}, rules: [] }]] = [
  ...partOf("web", {
    interfaces: ["eth0", "eth1"],
    openings: [
      {
        protocol: "tcp",
        ports: [
          { first: 80, last: 80 },
          { first: 90, last: 99 },
        ],
        from: "2001:db8:0:0:0:0:0:0/32",
      },
    ],
    drops: false,
  }),
];

const rule = (interfaces: readonly string[], addr: string, port = 80): readonly unknown[] => [
  { match: { op: "==", left: { meta: { key: "iifname" } }, right: { set: interfaces } } },
  { match: { op: "==", left: { payload: { protocol: "ip6", field: "saddr" } }, right: { prefix: { addr, len: 32 } } } },
  { counter: { packets: 7, bytes: 420 } },
  { match: { op: "==", left: { meta: { key: "l4proto" } }, right: 6 } },
  {
    match: {
      op: "==",
      left: { ct: { key: "proto-dst", dir: "original" } },
      right: { set: [{ range: [90, 99] }, port] },
    },
  },
  { accept: null },
];

const isWanted = (text: string): boolean => {
  const there = chainsIn(text)?.get("open-web");
  return there !== undefined && canonicalText(there) === canonicalText(wanted);
};

test("a chain is the same in whatever order and spelling the kernel tells it, and whatever it has counted", () => {
  expect(isWanted(listing(rule(["eth0", "eth1"], "2001:db8::")))).toBe(true);
  expect(isWanted(listing(rule(["eth1", "eth0"], "2001:0DB8:0::")))).toBe(true);
});

test("a chain is another one with any other interface, source, port, verdict or comment", () => {
  const right = rule(["eth0", "eth1"], "2001:db8::");
  expect(isWanted(listing(rule(["eth0", "eth2"], "2001:db8::")))).toBe(false);
  expect(isWanted(listing(rule(["eth0", "eth1"], "2001:db9::")))).toBe(false);
  expect(isWanted(listing(rule(["eth0", "eth1"], "2001:db8::", 81)))).toBe(false);
  expect(isWanted(listing([...right.slice(0, -1), { drop: null }]))).toBe(false);
  expect(isWanted(listing(right, { comment: "mine" }))).toBe(false);
});

test("what is no listing is none", () => {
  for (const text of ["", "[]", "{", '{"nftables":1}', "null"]) expect(chainsIn(text)).toBeNull();
});
