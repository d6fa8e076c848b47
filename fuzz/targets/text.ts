import * as z from "zod";
import { aptProblem } from "../../src/agent/adapters/apt-errors.ts";
import { prettyName } from "../../src/agent/adapters/device-facts.ts";
import { packagesIn } from "../../src/agent/adapters/dpkg-status.ts";
import { readKernelFrom } from "../../src/agent/adapters/kernel-interface.ts";
import { chainsIn } from "../../src/agent/adapters/nft-listing.ts";
import { canonicalText, frameOf, partOf, partsIn } from "../../src/agent/adapters/nft-rules.ts";
import { pullFailed, PullStream } from "../../src/agent/adapters/pull-stream.ts";
import { PortError } from "../../src/capabilities/port-error.ts";
import { promise, type Target } from "../target.ts";

const TOOLS = ["nft", "ip", "dpkg", "apt", "os-release", "pull"] as const;
const Input = z.object({ tool: z.enum(TOOLS), text: z.string(), more: z.string().default("") });

/** What tools print: nft, ip, dpkg, apt, podman. */
export function open(): Target {
  return { seeds: SEEDS.map((seed) => Buffer.from(JSON.stringify(seed))), run };
}

function run(input: Uint8Array): void {
  const text = Buffer.from(input).toString();
  const read = z.safeParse(Input, jsonOrNull(text)).data;
  if (read !== undefined) return readAs[read.tool](read.text, read.more);
  for (const tool of TOOLS) readAs[tool](text, text);
}

const readAs: Readonly<Record<(typeof TOOLS)[number], (text: string, more: string) => void>> = {
  nft(text) {
    const chains = chainsIn(text);
    if (chains === null) return;
    promise(
      partsIn(chains).every((part) => part !== ""),
      "a part of the packet filter has a name",
    );
    for (const chain of chains.values()) {
      const canonical = canonicalText(chain);
      const again = canonicalText(
        z
          .object({ properties: z.record(z.string(), z.unknown()), rules: z.array(z.unknown()) })
          .parse(JSON.parse(canonical)),
      );
      promise(canonical === again, "what is canonical stays as it is");
    }
  },
  ip(links, routes) {
    try {
      const link = readKernelFrom("eth0", links, routes);
      promise(link === null || link.name === "eth0", "an interface is the one that was asked for");
    } catch (error) {
      promise(
        error instanceof PortError,
        `what ip prints wrong is refused as a PortError, and not by ${String(error)}`,
      );
    }
  },
  dpkg(text) {
    for (const { status, version } of packagesIn(text).values()) {
      promise(status !== "absent", "a package that is not there is not told as one that is");
      promise(version === null || !version.includes("\n"), "a version is on one line");
    }
  },
  apt(stderr, stdout) {
    const ended = {
      _tag: "Ended",
      code: 100,
      signal: null,
      timedOut: false,
      truncated: false,
      stdout,
      stderr,
    } as const;
    const { problem } = aptProblem("Installing htop", ended);
    promise(problem.message.length <= 8192, `what apt says is told in bounds: ${problem.message.length} characters`);
  },
  "os-release"(text) {
    const name = prettyName(text);
    promise(name === null || !name.includes("\n"), "the name of a system is on one line");
  },
  pull(text, more) {
    const stream = new PullStream();
    const events = [...stream.push(Buffer.from(text)), ...stream.push(Buffer.from(more)), ...stream.end()];
    for (const event of events) {
      if (event._tag !== "Failed") continue;
      const { message } = pullFailed("registry.example/a:1", event.why);
      promise(message.length <= 2000, "why a pull failed is told in bounds");
    }
  },
};

function jsonOrNull(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

const table = (): string => {
  const own = { interfaces: ["eth0"] as const, openings: [], drops: true };
  const chains = [...frameOf(["web"]), ...partOf("web", own)];
  return JSON.stringify({
    nftables: chains.flatMap(([name, { properties, rules }]) => [
      { chain: { family: "inet", table: "harmony", name, handle: 1, ...properties } },
      ...rules.map((expr) => ({ rule: { family: "inet", table: "harmony", chain: name, handle: 2, expr } })),
    ]),
  });
};

const LINKS = JSON.stringify([
  {
    ifindex: 2,
    ifname: "eth0",
    flags: ["UP", "LOWER_UP"],
    mtu: 1500,
    address: "f6:3f:8d:d1:27:56",
    addr_info: [
      { family: "inet", local: "198.51.100.2", prefixlen: 24, scope: "global" },
      { family: "inet6", local: "fe80::1", prefixlen: 64, scope: "link" },
    ],
  },
]);
const ROUTES = JSON.stringify([
  { dst: "default", gateway: "198.51.100.1", metric: 100 },
  { dst: "203.0.113.0/24", via: { host: "fe80::2" } },
]);
const PACKAGES = [
  ["Package: dpkg", "Status: install ok installed", "Architecture: amd64", "Version: 1.22.6"].join("\n"),
  [
    "Package: htop",
    "Status: hold ok half-configured",
    "Architecture: amd64",
    "Version: 3.3.0-4",
    "Essential: yes",
  ].join("\n"),
].join("\n\n");

const SEEDS: readonly z.input<typeof Input>[] = [
  { tool: "nft", text: table() },
  { tool: "ip", text: LINKS, more: ROUTES },
  { tool: "dpkg", text: PACKAGES },
  {
    tool: "apt",
    text: "E: Unable to locate package htop\nE: Sub-process /usr/bin/dpkg returned an error code (1)\n",
    more: "",
  },
  { tool: "os-release", text: 'NAME="Debian"\nPRETTY_NAME="Debian GNU/Linux 13 (trixie)"\n' },
  { tool: "pull", text: '{"stream":"Trying"}\n{"error":"manifest unknown"}\n', more: '{"id":"ab12"}' },
];
