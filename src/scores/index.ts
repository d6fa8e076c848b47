import { ContainerScore } from "./container.ts";
import { DirectoryScore } from "./directory.ts";
import { FileScore } from "./file.ts";
import { FirewallPortsScore, wanFirewallPorts } from "./firewall-ports.ts";
import { K8sDeploymentScore } from "./k8s-deployment.ts";
import { NetworkInterfaceScore } from "./network-interface.ts";
import { PackageScore } from "./package.ts";
import { ShellJobScore } from "./shell-job.ts";
import { SystemdServiceScore } from "./systemd-service.ts";
import { SystemdTimerScore } from "./systemd-timer.ts";
import { SystemdUnitScore } from "./systemd-unit.ts";

/** Every kind that this build knows. Decoder, checker, `harmony kinds` and the contract suite all derive from it. */
export const KINDS = [
  FileScore,
  DirectoryScore,
  SystemdServiceScore,
  SystemdTimerScore,
  SystemdUnitScore,
  ContainerScore,
  NetworkInterfaceScore,
  FirewallPortsScore,
  PackageScore,
  ShellJobScore,
  K8sDeploymentScore,
] as const;

export {
  ContainerScore,
  DirectoryScore,
  FileScore,
  FirewallPortsScore,
  K8sDeploymentScore,
  NetworkInterfaceScore,
  PackageScore,
  ShellJobScore,
  SystemdServiceScore,
  SystemdTimerScore,
  SystemdUnitScore,
  wanFirewallPorts,
};
