import { capability } from "./capability.ts";

/** A Deployment as far as Harmony looks at it. */
export interface K8sDeployment {
  readonly image: string;
  readonly replicas: number;
  /** Pods that the cluster says are ready. */
  readonly readyReplicas: number;
  /** Whether the cluster has acted upon the newest spec yet (`observedGeneration`). */
  readonly upToDate: boolean;
}

/**
 * A Kubernetes API that deployments can be sent to. A control plane has one; a Raspberry Pi does not, and so every gate
 * refuses a Score that needs it there. Every call rejects with a PortError alone.
 */
export interface K8sClient {
  readDeployment(namespace: string, name: string, signal: AbortSignal): Promise<K8sDeployment | null>;
  /** Server-side apply: creates or changes it. */
  applyDeployment(
    namespace: string,
    name: string,
    wanted: Pick<K8sDeployment, "image" | "replicas">,
    signal: AbortSignal,
  ): Promise<void>;
  /** Succeeds when there is none. */
  deleteDeployment(namespace: string, name: string, signal: AbortSignal): Promise<void>;
}

export const K8sClient = capability<K8sClient>()("K8sClient", { reads: ["readDeployment"] });
