import { auditedShell } from "./audited-shell.ts";
import { containerRuntime } from "./container-runtime.ts";
import { fileSystemHost } from "./file-system-host.ts";
import { networkConfigurator } from "./network-configurator.ts";
import { packageManager } from "./package-manager.ts";
import { packetFilter } from "./packet-filter.ts";
import { systemdHost } from "./systemd-host.ts";
import type { Adapters } from "../../linked.ts";

/** One line for each capability; to forget one is a compile error. */
export const ADAPTERS: Required<Adapters> = {
  FileSystemHost: fileSystemHost,
  SystemdHost: systemdHost,
  ContainerRuntime: containerRuntime,
  NetworkConfigurator: networkConfigurator,
  PacketFilter: packetFilter,
  PackageManager: packageManager,
  AuditedShell: auditedShell,
};
