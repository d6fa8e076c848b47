import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import * as z from "zod";
import { HostNetwork } from "../../../src/agent/adapters/host-network.ts";
import { NodeFileSystem } from "../../../src/agent/adapters/node-file-system.ts";
import type { InterfaceProfile } from "../../../src/capabilities/network-configurator.ts";
import { profileId } from "../../../src/scores/interface-profile.ts";
import type { FakeInterface, FakeInterfaceFact, FakeLive } from "../../../src/testing/fake-network-configurator.ts";
import type { InterfaceChange, Interfaces } from "../../../src/testing/network-interface-world.ts";
import { same } from "../../../src/testing/same.ts";
import type { Place } from "../../../src/testing/world.ts";
import { OWN_TEXTS, SITE, theirText } from "./networkd-site.ts";

/** Links of this machine, each a cable with its other end `<name>-far`, and what others do to them. */

const FOLDER = "/etc/systemd/network";
const NOTES = "/root/network-notes";
const NAMES = ["edge0", "edge1", "wlan0"];
const ownFile = (name: string): string => `${FOLDER}/05-harmony-${name}.network`;
const theirFile = (name: string): string => `${FOLDER}/20-theirs-${name}.network`;
const unmanagedFile = (name: string): string => `${FOLDER}/00-unmanaged-${name}.network`;

const run = (program: string, ...words: string[]): string =>
  execFileSync(program, words, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
const reload = (): string => run("networkctl", "reload");
const isThere = (name: string): boolean => existsSync(`/sys/class/net/${name}`);

const Links = z.array(
  z.object({
    ifindex: z.number(),
    flags: z.array(z.string()),
    mtu: z.number(),
    address: z.string(),
    addr_info: z.array(z.object({ local: z.string(), prefixlen: z.number(), scope: z.string() })),
  }),
);
const Routes = z.array(
  z.object({
    dst: z.string(),
    gateway: z.string().optional(),
    metric: z.number().optional(),
    protocol: z.string().optional(),
  }),
);

const linkOf = (name: string): z.infer<typeof Links>[number] => {
  const [link] = z.parse(Links, JSON.parse(run("ip", "-j", "address", "show", "dev", name)));
  if (link === undefined) throw new Error(`no link ${name}`);
  return link;
};

/** What systemd-networkd wrote down about the link. */
const noted = (name: string, key: string): string => {
  try {
    const text = readFileSync(`/run/systemd/netif/links/${linkOf(name).ifindex}`, "utf8");
    return new RegExp(`^${key}=(.*)$`, "m").exec(text)?.[1] ?? "";
  } catch {
    return "";
  }
};

function routesOf(name: string, family: "-4" | "-6"): FakeLive["routes"] {
  const text = run("ip", family, "-j", "route", "show", "dev", name).trim();
  return z
    .parse(Routes, text === "" ? [] : JSON.parse(text))
    .filter(({ protocol }) => protocol !== "kernel")
    .map(({ dst, gateway = null, metric }) => ({
      to: dst === "default" ? (family === "-4" ? "0.0.0.0/0" : "::/0") : dst,
      via: gateway,
      // What the kernel gives an IPv6 route that nobody gave one.
      metric: metric === undefined || (family === "-6" && metric === 1024) ? null : metric,
    }));
}

function liveOf(name: string): FakeLive {
  const { flags, mtu, address, addr_info: addresses } = linkOf(name);
  return {
    up: flags.includes("UP"),
    mac: address,
    mtu,
    addresses: addresses
      .filter(({ scope }) => scope !== "link")
      .map(({ local, prefixlen }) => `${local}/${prefixlen}`)
      .toSorted(),
    leased: false,
    routes: [...routesOf(name, "-4"), ...routesOf(name, "-6")],
    dns: noted(name, "DNS").split(" ").filter(Boolean),
  };
}

const stored = (name: string): InterfaceProfile | "edited" => {
  const text = readFileSync(ownFile(name), "utf8").trim().replaceAll(/\n+/g, "\n");
  return OWN_TEXTS.find(([, each]) => each === text && each.includes(`Name=${name}\n`))?.[0] ?? "edited";
};

const profileOfTheirs = (name: string): InterfaceProfile => SITE.around[name]?.theirs ?? SITE.theirs.profile;

function facts(): Record<string, FakeInterfaceFact> {
  const found: Record<string, FakeInterfaceFact> = {};
  for (const name of NAMES) {
    if (existsSync(theirFile(name))) {
      found[`theirs:${name}`] =
        readFileSync(theirFile(name), "utf8") === theirText(name) ? profileOfTheirs(name) : "edited";
    }
    if (existsSync(ownFile(name))) found[`own:${name}`] = stored(name);
    if (isThere(name)) found[`live:${name}`] = liveOf(name);
    if (existsSync(unmanagedFile(name))) found[`unmanaged:${name}`] = true;
    if (isThere(name) && !linkOf(`${name}-far`).flags.includes("UP")) found[`unplugged:${name}`] = true;
  }
  for (const file of readdirSync(FOLDER)) if (!/-(?:edge0|edge1|wlan0)\./.test(file)) found[`file:${file}`] = true;
  return found;
}

/** Until systemd-networkd has come to the end of what it does. */
async function settle(): Promise<Record<string, FakeInterfaceFact>> {
  const isBusy = (name: string): boolean => ["", "pending", "initialized"].includes(noted(name, "ADMIN_STATE"));
  let before = facts();
  for (let tries = 0; tries < 120; tries += 1) {
    await sleep(70);
    const now = facts();
    if (same(before, now) && !NAMES.filter(isThere).some(isBusy)) return now;
    before = now;
  }
  throw new Error("systemd-networkd does not come to rest");
}

/** What others do to the link itself, past all profiles. */
function disturb(name: string, { addresses, up, mtu, mac, routes, dns }: Partial<FakeLive>): void {
  if (!isThere(name)) return;
  const set = (...how: string[]): string => run("ip", "link", "set", "dev", name, ...how);
  if (addresses !== undefined) run("ip", "address", "flush", "dev", name, "scope", "global");
  for (const family of routes === undefined ? [] : ["-4", "-6"]) {
    run("ip", family, "route", "flush", "dev", name, "proto", "static");
  }
  if (mtu !== undefined) set("mtu", String(mtu));
  if (mac !== undefined) set("address", mac);
  // A link that is off tells nothing of its cable, so that only one of both is out at a time.
  if (up === false && linkOf(`${name}-far`).flags.includes("UP")) set("down");
  if (dns === undefined || noted(name, "NETWORK_FILE") === "" || noted(name, "ADMIN_STATE") === "unmanaged") return;
  const servers = dns.flatMap((each) => ["2", "4", ...each.split(".")]);
  run(
    "busctl",
    ...["call", "org.freedesktop.network1", "/org/freedesktop/network1", "org.freedesktop.network1.Manager"],
    ...["SetLinkDNS", "ia(iay)", String(linkOf(name).ifindex), String(dns.length), ...servers],
  );
}

/** Harmony's own adapter makes the profile, and somebody else edits or deletes it then. */
async function store(network: HostNetwork, name: string, to: InterfaceProfile | "edited" | null): Promise<void> {
  if (to === null) rmSync(ownFile(name), { force: true });
  else if (to === "edited") {
    const text = existsSync(ownFile(name)) ? readFileSync(ownFile(name), "utf8") : `[Match]\nName=${name}\n`;
    writeFileSync(ownFile(name), `${text}# mine\n`);
  } else {
    const now = facts();
    if (!isThere(name) || now[`unmanaged:${name}`] === true || now[`unplugged:${name}`] === true) return;
    const content = { profile: to, id: profileId(to), attempt: 1 };
    return network.change(name, content, { confirmWithinMs: 10_000 }, AbortSignal.timeout(30_000));
  }
  reload();
}

/** Puts on the machine what is said of the link, in the order in which it can be. */
async function put(network: HostNetwork, name: string, to: FakeInterface): Promise<void> {
  if (to.own !== undefined) await store(network, name, to.own);
  if (to.live !== undefined) disturb(name, to.live);
  if (to.carrier === false && isThere(name) && linkOf(name).flags.includes("UP")) {
    run("ip", "link", "set", "dev", `${name}-far`, "down");
  }
  if (to.managed === false) {
    writeFileSync(unmanagedFile(name), `[Match]\nName=${name}\n[Link]\nUnmanaged=yes\n`);
    reload();
  }
  if (to.there === false && isThere(name)) run("ip", "link", "delete", name);
}

async function clear(): Promise<void> {
  for (const name of NAMES) {
    if (isThere(name)) run("ip", "link", "delete", name);
    for (const file of [ownFile(name), theirFile(name), unmanagedFile(name)]) rmSync(file, { force: true });
  }
  rmSync(NOTES, { recursive: true, force: true });
  reload();
}

/** The machine's own uplink has a route that two of the profiles want for theirs; and no address is worth a wait. */
export function prepare(): void {
  run("ip", "link", "set", "dev", "eth0", "down");
  for (const of of ["all", "default"]) writeFileSync(`/proc/sys/net/ipv6/conf/${of}/accept_dad`, "0");
}

/** A place with these links. */
export async function openRealInterfaces(interfaces: Interfaces): Promise<Place<InterfaceChange, FakeInterfaceFact>> {
  await clear();
  const files = new NodeFileSystem();
  const network = new HostNetwork({ files, reachable: () => Promise.resolve(true), notesPath: NOTES });
  for (const [name, { theirs = null }] of Object.entries(interfaces)) {
    if (theirs !== null) writeFileSync(theirFile(name), theirText(name));
  }
  reload();
  for (const name of Object.keys(interfaces)) {
    const mac = name === "wlan0" ? "02:00:5e:00:53:aa" : SITE.bare.mac;
    run("ip", "link", "add", name, "address", mac, "type", "veth", "peer", "name", `${name}-far`);
    for (const end of [name, `${name}-far`]) run("ip", "link", "set", "dev", end, "up");
  }
  await settle();
  for (const { spec, profile } of SITE.written) {
    // Only what was made can have been edited.
    if (interfaces[spec.name]?.own === "edited") await store(network, spec.name, profile);
  }
  for (const [name, each] of Object.entries(interfaces)) {
    await put(network, name, { ...each, own: each.own ?? undefined });
  }
  await settle();
  return {
    ports: { NetworkConfigurator: network },
    snapshot: facts,
    async change({ name, to }) {
      await put(network, name, to);
      await settle();
    },
    async close() {
      network.close();
      files.close();
      await clear();
    },
  };
}
