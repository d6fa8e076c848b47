import type { KINDS } from "../scores/index.ts";
import { containerWorld } from "./container-world.ts";
import { directoryWorld } from "./directory-world.ts";
import { fileWorld } from "./file-world.ts";
import { k8sDeploymentWorld } from "./k8s-world.ts";
import { systemdServiceWorld } from "./systemd-service-world.ts";
import { systemdTimerWorld } from "./systemd-timer-world.ts";
import { systemdUnitWorld } from "./systemd-unit-world.ts";
import type { World } from "./world.ts";

/** The world of every kind of this package, in memory. A kind without one does not compile. */
export const WORLDS = {
  File: fileWorld,
  Directory: directoryWorld,
  K8sDeployment: k8sDeploymentWorld,
  SystemdService: systemdServiceWorld,
  SystemdTimer: systemdTimerWorld,
  SystemdUnit: systemdUnitWorld,
  Container: containerWorld,
} satisfies { readonly [Kind in (typeof KINDS)[number]["kind"]]: World };
