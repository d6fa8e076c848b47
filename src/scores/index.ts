import { DirectoryScore } from "./directory.ts";
import { FileScore } from "./file.ts";
import { K8sDeploymentScore } from "./k8s-deployment.ts";

/** Every kind that this build knows. Decoder, checker, `harmony kinds` and the contract suite all derive from it. */
export const KINDS = [FileScore, DirectoryScore, K8sDeploymentScore] as const;

export { DirectoryScore, FileScore, K8sDeploymentScore };
