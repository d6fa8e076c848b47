import type { KINDS } from "../scores/index.ts";
import { containerWorld } from "./container-world.ts";
import { directoryWorld } from "./directory-world.ts";
import { fileWorld } from "./file-world.ts";
import { firewallPortsWorld } from "./firewall-ports-world.ts";
import { k8sDeploymentWorld } from "./k8s-world.ts";
import { packageWorld } from "./package-world.ts";
import { shellJobWorld } from "./shell-job-world.ts";
import { networkInterfaceWorld } from "./network-interface-world.ts";
import { systemdServiceWorld } from "./systemd-service-world.ts";
import { systemdTimerWorld } from "./systemd-timer-world.ts";
import { systemdUnitWorld } from "./systemd-unit-world.ts";
import type { World } from "./world.ts";

/** The world of every kind of this package, in memory. A kind without one does not compile. */
export const WORLDS = {
  File: fileWorld,
  Directory: directoryWorld,
  SystemdService: systemdServiceWorld,
  SystemdTimer: systemdTimerWorld,
  SystemdUnit: systemdUnitWorld,
  Container: containerWorld,
  NetworkInterface: networkInterfaceWorld,
  FirewallPorts: firewallPortsWorld,
  Package: packageWorld,
  ShellJob: shellJobWorld,
  K8sDeployment: k8sDeploymentWorld,
} satisfies { readonly [Kind in (typeof KINDS)[number]["kind"]]: World };
