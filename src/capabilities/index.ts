export { AuditedShell, SHELL_ENDINGS } from "./audited-shell.ts";
export type { CheckAnswer, ShellCommand, ShellResult, ShellRun } from "./audited-shell.ts";
export { capability } from "./capability.ts";
export type { AnyCapability, Capability, PortOf, ReadPortOf } from "./capability.ts";
export { ContainerRuntime } from "./container-runtime.ts";
export type { ContainerSeen, LocalContainer, LocalImage, QuadletFile, StartOptions } from "./container-runtime.ts";
export { FileSystemHost } from "./file-system-host.ts";
export type { Attributes, FileSystemEntry, Ownership } from "./file-system-host.ts";
export { K8sClient } from "./k8s-client.ts";
export type { K8sDeployment } from "./k8s-client.ts";
export { PackageManager } from "./package-manager.ts";
export type { PackageChange, PackageState, VersionCondition, VersionRelation } from "./package-manager.ts";
export { PacketFilter } from "./packet-filter.ts";
export type { InboundRules, InboundState, Opening, PortRange } from "./packet-filter.ts";
export { NetworkConfigurator } from "./network-configurator.ts";
export type {
  Attempt,
  InterfaceAddress,
  InterfaceProfile,
  InterfaceRoute,
  InterfaceState,
  NetworkBackEnd,
} from "./network-configurator.ts";
export { PortError } from "./port-error.ts";
export type { Blame, PortErrorCode, PortProblem } from "./port-error.ts";
export type { Life, Probe, Probed, ProbeTiming, Question } from "./probe.ts";
export { SystemdHost } from "./systemd-host.ts";
export type { ResourceController, UnitFile, UnitFileRole, UnitState } from "./systemd-host.ts";
