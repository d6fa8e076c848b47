import * as z from "zod";
import { FileScore, FirewallPortsScore, PackageScore, SystemdUnitScore } from "../scores/index.ts";
import { InvalidSpec } from "../scores/score.ts";
import { compose } from "../topology/compose.ts";
import type { Composition } from "../topology/parts.ts";
import { type HaproxyInput, HaproxySpec } from "./haproxy-spec.ts";
import { haproxyText } from "./haproxy-text.ts";

/**
 * Services that are spread over several servers, by HAProxy.
 *
 * ```ts
 * const web = loadBalancer({
 *   publicServices: {
 *     web: {
 *       port: 80,
 *       mode: "http",
 *       check: { by: "http", path: "/health" },
 *       servers: { blue: { address: "127.0.0.1", port: 8081 }, green: { address: "127.0.0.1", port: 8082 } },
 *     },
 *   },
 * });
 * ```
 *
 * @throws {InvalidSpec} that names every field that is wrong.
 */
export function loadBalancer(
  services: HaproxyInput,
): Composition<FirewallPortsScore | PackageScore | FileScore | SystemdUnitScore> {
  const read = HaproxySpec.safeParse(services);
  if (!read.success) throw new InvalidSpec(`LoadBalancer: ${z.prettifyError(read.error)}`);
  const { publicServices, interfaces } = read.data;
  const content = haproxyText(read.data);
  // Two services may share a port, at different addresses.
  const ports = new Set(Object.values(publicServices).map(({ port }) => port));
  return compose(
    "LoadBalancer",
    {
      ports: new FirewallPortsScore({
        name: "load-balancer",
        ...(interfaces !== undefined && { interfaces }),
        ports: [...ports].toSorted((one, other) => one - other).map((port) => ({ port })),
      }),
      package: new PackageScore({ name: "haproxy" }),
      config: new FileScore({ path: "/etc/haproxy/haproxy.cfg", content }),
      service: new SystemdUnitScore({ unit: "haproxy.service", enabled: true, active: true }),
    },
    { after: { package: ["ports"], config: ["package"], service: ["config"] }, restartOn: { service: ["config"] } },
  );
}
