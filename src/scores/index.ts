import { ContainerScore } from "./container.ts";
import { DirectoryScore } from "./directory.ts";
import { FileScore } from "./file.ts";
import { K8sDeploymentScore } from "./k8s-deployment.ts";
import { SystemdServiceScore } from "./systemd-service.ts";
import { SystemdTimerScore } from "./systemd-timer.ts";
import { SystemdUnitScore } from "./systemd-unit.ts";

/** Every kind that this build knows. Decoder, checker, `harmony kinds` and the contract suite all derive from it. */
export const KINDS = [
  FileScore,
  DirectoryScore,
  K8sDeploymentScore,
  SystemdServiceScore,
  SystemdTimerScore,
  SystemdUnitScore,
  ContainerScore,
] as const;

export {
  ContainerScore,
  DirectoryScore,
  FileScore,
  K8sDeploymentScore,
  SystemdServiceScore,
  SystemdTimerScore,
  SystemdUnitScore,
};
