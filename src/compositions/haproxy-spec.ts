import * as z from "zod";

/**
 * What a load balancer of HAProxy is told. Every text in it is of a few harmless characters, so that no value can end its
 * line, or its word, in the configuration.
 */

/** It names a section of the configuration, and appears in HAProxy's logs and statistics. */
const Name = z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/, "a name is 1 to 63 of a-z, 0-9 and -");
/** Names of hosts are none: one that does not resolve at the moment of the start would keep all services down. */
const Address = z.union([z.ipv4(), z.ipv6()], "an address is one of IPv4 or IPv6, such as 192.168.1.10 or ::1");
const Port = z.int().min(1).max(65_535);
const Milliseconds = z.int().min(1).max(86_400_000);

const times = {
  /** Milliseconds between two checks of a server. Default 2000. */
  intervalMs: Milliseconds.default(2000),
  /** How many checks in a row must succeed before a server is up again. Default 2. */
  rise: z.int().min(1).max(256).default(2),
  /** How many checks in a row must fail before a server is down. Default 3. */
  fall: z.int().min(1).max(256).default(3),
};
const Check = z.discriminatedUnion("by", [
  /** A server is up while it takes connections. */
  z.strictObject({ by: z.literal("tcp"), ...times }),
  /** A server is up while it answers `GET path` with a status from 200 to 399. */
  z.strictObject({
    by: z.literal("http"),
    /** As a URL has it, such as `"/health?deep=1"`. */
    path: z
      .string()
      .max(1024)
      .regex(
        /^\/[A-Za-z0-9._~!$&()*+,;=:@%/?-]*$/,
        "a path is as in a URL: it begins with / and has no space or quote",
      ),
    ...times,
  }),
]);

const Server = z.strictObject({
  address: Address,
  port: Port,
  /** Its share of the work, beside the weights of the others. Default 1. */
  weight: z.int().min(1).max(256).default(1),
  /** Whether it works only while none of the others is up. Default false. */
  backup: z.boolean().default(false),
});

const service = {
  port: Port,
  /** Whether HAProxy understands what it passes on; with `"http"` servers are told who asked, by X-Forwarded-For. Default `"tcp"`. */
  mode: z.enum(["tcp", "http"]).default("tcp"),
  /** Which server is next: each in turn, the one with the fewest connections, or always the same for a client. Default `"roundrobin"`. */
  balance: z.enum(["roundrobin", "leastconn", "source"]).default("roundrobin"),
  /** How it is known which servers are up. Default: by TCP. */
  check: Check.default({ by: "tcp", intervalMs: 2000, rise: 2, fall: 3 }),
  /** By name. */
  servers: z
    .record(Name, Server)
    .refine((servers) => Object.keys(servers).length > 0, "a service has at least one server"),
};

const PublicService = z.strictObject({
  /** Where it listens. Default `"0.0.0.0"`, which is every IPv4 address of the device. */
  address: Address.default("0.0.0.0"),
  ...service,
});
const PrivateService = z.strictObject({
  /** Where it listens. Default `"127.0.0.1"`, the device itself; an address of the local network makes it known there. */
  address: Address.default("127.0.0.1"),
  ...service,
});

export const HaproxySpec = z
  .strictObject({
    /** Services for everybody, by name: the packet filter lets their ports through. Default: none. */
    publicServices: z.record(Name, PublicService).default({}),
    /** Services for the device itself or its local network, by name: no port is opened. Default: none. */
    privateServices: z.record(Name, PrivateService).default({}),
    /** The network interfaces at which the ports of the public services are opened. Default: all. */
    interfaces: z.array(z.string()).min(1).optional(),
    /** Milliseconds. */
    timeouts: z
      .strictObject({
        /** For a server to take a connection. Default 5000. */
        connectMs: Milliseconds.default(5000),
        /** For which a client may be silent. Default 60,000. */
        clientMs: Milliseconds.default(60_000),
        /** For which a server may be silent. Default 60,000. */
        serverMs: Milliseconds.default(60_000),
      })
      .default({ connectMs: 5000, clientMs: 60_000, serverMs: 60_000 }),
  })
  .superRefine(({ publicServices, privateServices }, context) => {
    const all = [...Object.entries(publicServices), ...Object.entries(privateServices)];
    if (all.length === 0) context.addIssue("a load balancer has at least one service");
    const names = new Set<string>();
    const sockets = new Map<string, string>();
    for (const [name, { address, port }] of all) {
      if (names.has(name)) {
        context.addIssue(`the service "${name}" is both public and private: give one of them another name`);
      }
      names.add(name);
      const socket = socketOf(address, port);
      const other = sockets.get(socket);
      // The kernel would take both, and give each its share of the connections.
      if (other !== undefined) context.addIssue(`"${other}" and "${name}" both listen at ${socket}`);
      sockets.set(socket, name);
    }
    const open = new Set(Object.values(publicServices).map(({ port }) => port));
    for (const [name, { address, port }] of Object.entries(privateServices)) {
      if (!open.has(port) || !WILDCARDS.has(hostOf(address))) continue;
      context.addIssue(
        `"${name}" is private and listens at every address, at port ${port}, which a public service opens: give it an address or another port`,
      );
    }
  });
/** As it is written. */
export type HaproxyInput = z.input<typeof HaproxySpec>;
/** With all that was left out. */
export type Haproxy = z.output<typeof HaproxySpec>;
export type Service = z.output<typeof PublicService>;

const WILDCARDS: ReadonlySet<string> = new Set(["0.0.0.0", "[::]"]);

/** `192.0.2.1:80` or `[::1]:80`, one way of writing for each. */
export const socketOf = (address: string, port: number): string => `${hostOf(address)}:${port}`;

const hostOf = (address: string): string => (address.includes(":") ? new URL(`http://[${address}]`).hostname : address);
