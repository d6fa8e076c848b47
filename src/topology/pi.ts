import { ContainerRuntime } from "../capabilities/container-runtime.ts";
import { FileSystemHost } from "../capabilities/file-system-host.ts";
import { PackageManager } from "../capabilities/package-manager.ts";
import { PacketFilter } from "../capabilities/packet-filter.ts";
import { NetworkConfigurator } from "../capabilities/network-configurator.ts";
import { SystemdHost } from "../capabilities/systemd-host.ts";
import { topology } from "./topology.ts";

/**
 * What a Raspberry Pi that runs this version's agent can offer. What one of them lacks its agent finds out and publishes,
 * and its gate refuses what needs it.
 */
export const PiTopology = topology("PiTopology", [
  FileSystemHost,
  SystemdHost,
  ContainerRuntime,
  NetworkConfigurator,
  PacketFilter,
  PackageManager,
]);
