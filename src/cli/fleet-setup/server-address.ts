import type { FleetDescription } from "./description.ts";

const EVERYWHERE = new Set(["0.0.0.0", "::"]);

const listens = ({ address }: FleetDescription["listen"]): readonly string[] =>
  EVERYWHERE.has(address) ? [] : [address];

/** Every host that the server's certificate has to name. */
export const serverHosts = ({ listen, hosts }: Pick<FleetDescription, "listen" | "hosts">): readonly string[] => [
  ...new Set([...hosts, ...listens(listen), "localhost", "127.0.0.1"]),
];

const url = (host: string, port: number): string => `tls://${host.includes(":") ? `[${host}]` : host}:${port}`;

/** Where devices and people dial the server. */
export const publicUrl = ({ hosts, listen }: FleetDescription): string => url(hosts[0] ?? "localhost", listen.port);

/** Where its own machine dials it. */
export const localUrl = ({ listen }: FleetDescription): string => url(listens(listen)[0] ?? "127.0.0.1", listen.port);
