import { type Haproxy, type Service, socketOf } from "./haproxy-spec.ts";

/**
 * The configuration file of HAProxy (2.6 or newer) for these services. The same services make the same bytes, in whatever
 * order they are given.
 */
export function haproxyText({ publicServices, privateServices, timeouts }: Haproxy): string {
  return [
    "# Made by Harmony. What is changed here by hand is changed back.",
    ...GLOBAL,
    "",
    "defaults",
    "    log global",
    "    option dontlognull",
    // One server that is down must not cost a client its connection.
    "    option redispatch",
    `    timeout connect ${timeouts.connectMs}ms`,
    `    timeout client ${timeouts.clientMs}ms`,
    `    timeout server ${timeouts.serverMs}ms`,
    ...sections("public", publicServices),
    ...sections("private", privateServices),
    "",
  ].join("\n");
}

/** As Debian has it; the state of the servers is read from the socket. */
const GLOBAL = [
  "global",
  "    log /dev/log local0",
  "    chroot /var/lib/haproxy",
  "    stats socket /run/haproxy/admin.sock mode 660 level admin",
  "    user haproxy",
  "    group haproxy",
];

const sections = (reach: string, services: Readonly<Record<string, Service>>): readonly string[] =>
  sorted(services).flatMap(([name, service]) => ["", `# ${reach}`, ...section(name, service)]);

function section(name: string, { address, port, mode, balance, check, servers }: Service): readonly string[] {
  const times = `inter ${check.intervalMs}ms rise ${check.rise} fall ${check.fall}`;
  return [
    `listen ${name}`,
    `    bind ${socketOf(address, port)}`,
    `    mode ${mode}`,
    ...(mode === "http" ? ["    option httplog", "    option forwardfor"] : ["    option tcplog"]),
    `    balance ${balance}`,
    // In quotes that let nothing in them be anything but itself.
    ...(check.by === "http" ? ["    option httpchk", `    http-check send meth GET uri '${check.path}'`] : []),
    ...sorted(servers).map(
      ([server, to]) =>
        `    server ${server} ${socketOf(to.address, to.port)} weight ${to.weight} check ${times}${to.backup ? " backup" : ""}`,
    ),
  ];
}

const sorted = <T>(record: Readonly<Record<string, T>>): readonly (readonly [string, T])[] =>
  Object.entries(record).toSorted(([one], [other]) => (one < other ? -1 : 1));
