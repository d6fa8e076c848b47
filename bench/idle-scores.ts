import {
  ContainerScore,
  DirectoryScore,
  FileScore,
  FirewallPortsScore,
  manifest,
  NetworkInterfaceScore,
  PackageScore,
  PiWithAuditedShellTopology,
  ShellJobScore,
  SystemdServiceScore,
  SystemdTimerScore,
  SystemdUnitScore,
} from "../src/index.ts";
import type { Manifest } from "../src/topology/manifest.ts";

type Offered =
  | ContainerScore
  | DirectoryScore
  | FileScore
  | FirewallPortsScore
  | NetworkInterfaceScore
  | PackageScore
  | ShellJobScore
  | SystemdServiceScore
  | SystemdTimerScore
  | SystemdUnitScore;

/** Each look at the job leaves a line here, by which passes are counted without the agent's word. */
export const LOOKS = "/run/bench-looks";

const REGISTRY_PORT = 5000;

/** What a device has that does a bit of everything: every kind that the machine offers. */
export const everyKind = (image: string): Manifest => manifest(PiWithAuditedShellTopology, scoresFor(image));

/**
 * The same, and six services that are asked how they are, each every ten seconds as is the default: two by HTTP, two by
 * TCP and two by a command, once as readiness and once as liveness. What answers is the registry of the machine.
 */
export function withProbes(image: string): Manifest {
  const http = { type: "http" as const, port: REGISTRY_PORT, path: "/v2/" };
  const tcp = { type: "tcp" as const, port: REGISTRY_PORT };
  const command = { type: "command" as const, command: ["/usr/bin/true"] };
  const asked = [http, tcp, command].flatMap((probe) => [{ readiness: probe }, { liveness: probe }]);
  const services = asked.map((probes, nth) => {
    const name = `probed-${nth}`;
    return [name, new SystemdServiceScore({ name, exec: ["/usr/bin/sleep", "infinity"], ...probes })] as const;
  });
  return manifest(PiWithAuditedShellTopology, { ...scoresFor(image), ...Object.fromEntries(services) });
}

function scoresFor(image: string): Record<string, Offered> {
  const wanted: Record<string, Offered> = {
    folder: new DirectoryScore({ path: "/srv/disk/folder" }),
    other: new DirectoryScore({ path: "/srv/disk/other", mode: "0750" }),
    theirs: new SystemdUnitScore({
      unit: "theirs.service",
      active: true,
      settings: { Service: { Nice: "3" } },
    }),
    container: new ContainerScore({
      name: "bench",
      image,
      entrypoint: ["/bin/sh", "-c", "trap 'exit 0' TERM; sleep 100000 & wait"],
    }),
    network: new NetworkInterfaceScore({ name: "eth1", ipv4: { method: "static", addresses: ["203.0.113.2/24"] } }),
    ports: new FirewallPortsScore({ name: "bench", ports: [{ port: 8080 }] }),
    package: new PackageScore({ name: "edge-greeter", version: "2.0" }),
    job: new ShellJobScore({
      name: "job",
      check: { script: `echo look >>${LOOKS}; test -e /run/bench-job` },
      run: ["/usr/bin/touch", "/run/bench-job"],
      runAs: "root",
      approver: "Ada",
      expires: new Date("2099-01-01T00:00:00.000Z"),
    }),
  };
  for (let nth = 0; nth < 20; nth += 1) {
    wanted[`file-${nth}`] = new FileScore({ path: `/srv/disk/folder/file-${nth}`, content: `${nth}\n`.repeat(200) });
  }
  for (let nth = 0; nth < 6; nth += 1) {
    wanted[`service-${nth}`] = new SystemdServiceScore({ name: `bench-${nth}`, exec: ["/usr/bin/sleep", "infinity"] });
  }
  for (let nth = 0; nth < 2; nth += 1) {
    wanted[`timer-${nth}`] = new SystemdTimerScore({
      name: `bench-${nth}`,
      onActiveSeconds: 1_000_000,
      unit: "bench-0.service",
    });
  }
  return wanted;
}
