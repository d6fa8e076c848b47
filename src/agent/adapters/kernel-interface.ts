import { readFileSync } from "node:fs";
import * as z from "zod";
import type { InterfaceAddress, InterfaceRoute } from "../../capabilities/network-configurator.ts";
import { PortError } from "../../capabilities/port-error.ts";
import { canonical, canonicalMac, isIpv6Text } from "../../scores/ip-addresses.ts";
import { runCommand } from "./command.ts";

/** What the kernel says of one interface. */
export interface KernelInterface {
  readonly name: string;
  readonly index: number;
  readonly mac: string;
  readonly mtu: number;
  readonly up: boolean;
  readonly carrier: boolean;
  readonly addresses: readonly InterfaceAddress[];
  readonly routes: readonly InterfaceRoute[];
}

const IP_MS = 10_000;

const Address = z.object({
  family: z.enum(["inet", "inet6"]),
  local: z.string(),
  prefixlen: z.number(),
  scope: z.string(),
  dynamic: z.boolean().optional(),
  /** Another host on the link has it too, so that it is not in use. */
  dadfailed: z.boolean().optional(),
});
const Links = z.array(
  z.object({
    ifindex: z.number(),
    ifname: z.string(),
    flags: z.array(z.string()),
    mtu: z.number(),
    address: z.string().default(""),
    addr_info: z.array(Address).default([]),
  }),
);
const Routes = z.array(
  z.object({
    dst: z.string(),
    gateway: z.string().optional(),
    via: z.object({ host: z.string() }).optional(),
    metric: z.number().optional(),
    protocol: z.string().optional(),
    table: z.string().optional(),
    type: z.string().optional(),
  }),
);

/** Looks at an interface; null where there is none of that name. */
export async function readKernel(name: string, signal: AbortSignal): Promise<KernelInterface | null> {
  if (!isThere(name)) return null;
  const [links, routes] = await Promise.all([
    ip(["-j", "address", "show", "dev", name], signal),
    // Of all tables, because that alone tells of both families at once.
    ip(["-j", "route", "show", "table", "all", "dev", name], signal),
  ]);
  return links === null || routes === null ? null : readKernelFrom(name, links, routes);
}

/** The same, from what `ip` printed. @throws PortError where that is not what it prints */
export function readKernelFrom(name: string, links: string, routes: string): KernelInterface | null {
  try {
    return readPrinted(name, links, routes);
  } catch (error) {
    throw new PortError(
      {
        code: "Failed",
        blame: "device",
        message: `Looking at ${name} failed: ip printed what is not known here.`,
        next: `Run it on the device: ip -j address show dev ${name}; ip -j route show table all dev ${name}.`,
      },
      { cause: error },
    );
  }
}

function readPrinted(name: string, links: string, routes: string): KernelInterface | null {
  // It leaves an empty object for each interface that it was not asked for.
  const link = z.parse(Links, parsed(links).filter(isNotEmpty)).find(({ ifname }) => ifname === name);
  if (link === undefined) return null;
  return {
    name,
    index: link.ifindex,
    mac: canonicalMac(link.address),
    mtu: link.mtu,
    up: link.flags.includes("UP"),
    carrier: link.flags.includes("LOWER_UP"),
    addresses: link.addr_info
      .filter(({ dadfailed }) => dadfailed !== true)
      .map((each) => ({ address: canonical(`${each.local}/${each.prefixlen}`), origin: originOf(each) })),
    routes: z
      .parse(Routes, parsed(routes))
      .filter(({ table, protocol, type }) => table === undefined && protocol !== "kernel" && type === undefined)
      .map(({ dst, gateway, via, metric }) => {
        const by = gateway ?? via?.host ?? null;
        return { to: networkOf(dst, by), via: by === null ? null : canonical(by), metric: metric ?? null };
      }),
  };
}

const originOf = ({ family, scope, dynamic, prefixlen }: z.infer<typeof Address>): InterfaceAddress["origin"] => {
  if (scope === "link" && family === "inet6") return "link-local";
  if (dynamic !== true) return "static";
  // A DHCPv6 server gives single addresses, a router a prefix to make one from.
  return family === "inet" || prefixlen === 128 ? "dhcp" : "autoconf";
};

const networkOf = (to: string, via: string | null): string => {
  if (to === "default") return via !== null && isIpv6Text(via) ? "::/0" : "0.0.0.0/0";
  if (to.includes("/")) return canonical(to);
  return canonical(`${to}/${isIpv6Text(to) ? 128 : 32}`);
};

const parsed = (text: string): readonly unknown[] =>
  z.parse(z.array(z.unknown()), text.trim() === "" ? [] : JSON.parse(text));
const isNotEmpty = (value: unknown): boolean => typeof value === "object" && value !== null && "ifname" in value;

function isThere(name: string): boolean {
  try {
    return readFileSync(`/sys/class/net/${name}/ifindex`, "utf8") !== "";
  } catch {
    return false;
  }
}

/** Sets properties of the link itself: `["mtu", "1400"]`. */
export async function setLink(name: string, how: readonly string[], signal: AbortSignal): Promise<void> {
  await ip(["link", "set", "dev", name, ...how], signal);
}

/** What `ip` prints; null where the interface went away meanwhile. */
async function ip(args: readonly string[], signal: AbortSignal): Promise<string | null> {
  const ran = await runCommand({ argv: ["ip", ...args], signal, timeoutMs: IP_MS });
  if (ran._tag === "Ended" && ran.code === 0) return ran.stdout;
  if (ran._tag === "Ended" && /does not exist|Cannot find device/.test(ran.stderr)) return null;
  const timedOut = ran._tag === "Ended" && ran.timedOut;
  throw new PortError({
    code: timedOut ? "TimedOut" : ran._tag === "Ended" ? "Failed" : "Unavailable",
    blame: "device",
    message: `ip ${args.join(" ")} ${ran._tag === "Ended" ? `failed: ${timedOut ? "it took too long" : ran.stderr.trim()}` : "could not be started"}.`,
    next: ran._tag === "Ended" ? "Run it on the device to see why." : "Install iproute2.",
  });
}
