import { ContainerRuntime } from "../capabilities/container-runtime.ts";
import { FileSystemHost } from "../capabilities/file-system-host.ts";
import { SystemdHost } from "../capabilities/systemd-host.ts";
import { topology } from "./topology.ts";

/**
 * What a Raspberry Pi that runs this version's agent can offer. What one of them lacks its agent finds out and publishes,
 * and its gate refuses what needs it.
 */
export const PiTopology = topology("PiTopology", [FileSystemHost, SystemdHost, ContainerRuntime]);
