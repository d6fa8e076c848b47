import type { ContainerRuntime } from "../../../capabilities/container-runtime.ts";
import { type Adapter, ofMachine } from "../../linked.ts";
import { PodmanOffering } from "../podman-offering.ts";
import { systemdOf } from "./systemd-host.ts";

export const containerRuntime: Adapter<ContainerRuntime> = (host) => {
  const systemd = systemdOf(host);
  const podman = new PodmanOffering({ files: host.files, supervisor: systemd.port, clock: host.clock });
  return ofMachine(host, "ContainerRuntime", {
    port: podman.port,
    detect: (signal) => podman.detect(signal),
    close: () => {
      podman.close();
      // An agent may offer containers and not services.
      systemd.close();
    },
  });
};
