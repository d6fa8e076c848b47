import { execFileSync } from "node:child_process";
import { NftPacketFilter } from "../../../src/agent/adapters/nft-packet-filter.ts";
import type { FakeFilterTables } from "../../../src/testing/fake-packet-filter.ts";
import { type FilterChange, firewallPortsWorld, WRITTEN_RULES } from "../../../src/testing/firewall-ports-world.ts";
import type { Place } from "../../../src/testing/world.ts";
import { keep, often } from "./keep.ts";

/** Runs on a machine of its own alone: what it does to the packet filter is for a machine that is thrown away. */

const nft = (input: string): string => execFileSync("nft", ["-f", "-"], { input, encoding: "utf8" });
/** What `nft` says; empty where there is no such thing. */
const said = (...words: string[]): string => {
  try {
    return execFileSync("nft", ["-s", ...words], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
  } catch {
    return "";
  }
};
const body = (text: string): string =>
  text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && line !== "}" && !/^(table|chain) /.test(line))
    .join("; ");

/** What each of the world's specs is to the kernel, in nft's own language. */
const TEXTS: Readonly<Record<string, string>> = {
  web: 'iifname { "eth0", "eth1" } meta l4proto 6 ct original proto-dst { 80, 443 } accept | iifname { "eth0", "eth1" } drop',
  admin:
    "ip saddr 10.0.0.0/8 meta l4proto 6 ct original proto-dst 22 accept; " +
    "ip6 saddr 2001:db8::/32 meta l4proto 6 ct original proto-dst 22 accept; " +
    "meta l4proto 17 ct original proto-dst 5000-5021 accept | ",
  closed: ' | iifname "wwan0" drop',
};
const FRAME = (parts: readonly string[]): string =>
  [
    "type filter hook input priority filter; policy accept;; ct state established,related accept; " +
      'iif "lo" accept; icmpv6 type { mld-listener-query, nd-router-solicit, nd-router-advert, nd-neighbor-solicit, ' +
      "nd-neighbor-advert } accept; ip6 saddr fe80::/10 udp dport 546 accept; jump opens; jump drops",
    "type filter hook forward priority filter; policy accept;; ct state established,related accept; " +
      "ct status dnat jump opens; ct status dnat jump drops",
    parts.map((part) => `jump open-${part}`).join("; "),
    parts.map((part) => `jump drop-${part}`).join("; "),
  ].join(" | ");

const chain = (name: string): string => body(said("list", "chain", "inet", "harmony", name));
const partText = (name: string): string => `${chain(`open-${name}`)} | ${chain(`drop-${name}`)}`;
const frameText = (): string => ["inbound", "forwarded", "opens", "drops"].map(chain).join(" | ");

const chains = (): readonly string[] =>
  [...said("list", "table", "inet", "harmony").matchAll(/^\tchain (\S+) \{/gm)].map(([, name = ""]) => name);
const parts = (): readonly string[] =>
  [...new Set(chains().flatMap((name) => /^(?:open|drop)-(.+)$/.exec(name)?.[1] ?? []))].toSorted();
const tables = (): readonly string[] =>
  said("list", "tables")
    .split("\n")
    .filter(Boolean)
    .map((line) => line.replace(/^table /, ""));

function facts(): Record<string, string> {
  const found: Record<string, string> = {};
  if (tables().includes("inet harmony")) found["frame"] = frameText() === FRAME(parts()) ? "sound" : "altered";
  for (const part of parts()) {
    const written = WRITTEN_RULES.find(({ spec }) => spec.name === part);
    found[`part:${part}`] =
      written !== undefined && TEXTS[part] === partText(part) ? JSON.stringify(written.rules) : "edited";
  }
  for (const table of tables()) {
    if (table !== "inet harmony") found[`table:${table}`] = said("list", "table", ...table.split(" "));
  }
  return Object.fromEntries(Object.entries(found).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

/** Harmony's own filter makes the part, and somebody else edits it then. */
async function put(name: string, to: string): Promise<void> {
  const rules = WRITTEN_RULES.find((each) => JSON.stringify(each.rules) === to)?.rules;
  const filter = new NftPacketFilter();
  const other = { interfaces: null, openings: [], drops: false };
  await filter.replace(name, rules ?? other, new AbortController().signal);
  if (rules === undefined) nft(`add rule inet harmony open-${name} tcp dport 9 accept comment "mine"`);
}

function drop(part: string): void {
  if (!parts().includes(part)) return;
  nft(["opens", "drops"].map((each) => `flush chain inet harmony ${each};`).join("\n"));
  for (const prefix of ["open", "drop"]) nft(`delete chain inet harmony ${prefix}-${part}`);
  for (const rest of parts()) {
    nft(`add rule inet harmony opens jump open-${rest}; add rule inet harmony drops jump drop-${rest}`);
  }
}

/** An open door among what all parts share. */
const alterFrame = (): string =>
  nft("add table inet harmony; add chain inet harmony inbound; insert rule inet harmony inbound accept");

async function open({
  parts: there = {},
  frame,
  foreign = {},
}: FakeFilterTables): Promise<Place<FilterChange, string>> {
  execFileSync("nft", ["flush", "ruleset"]);
  for (const name of Object.keys(foreign)) nft(`table ${name} { chain own { counter; }; }`);
  for (const [name, to] of Object.entries(there)) await put(name, to);
  if (frame === "altered") alterFrame();
  const filter = new NftPacketFilter();
  return {
    ports: { PacketFilter: filter },
    snapshot: facts,
    async change(change) {
      if ("foreign" in change) nft(`table ${change.foreign} { chain z { counter; }; }`);
      else if ("frame" in change) {
        if (change.frame === "altered") alterFrame();
        else nft("add table inet harmony; delete table inet harmony");
      } else if (change.to === null) drop(change.part);
      else await put(change.part, change.to);
    },
    close() {
      filter.close();
      execFileSync("nft", ["flush", "ruleset"]);
    },
  };
}

const [, , runs = "1"] = process.argv;
await keep({ ...firewallPortsWorld, open }, { runs: often(Number(runs)), faults: 2 });
