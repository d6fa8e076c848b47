import type { K8sClient, K8sDeployment } from "../capabilities/k8s-client.ts";
import { PortError } from "../capabilities/port-error.ts";

/** A cluster in memory. What is applied is ready at once. Deployments go by `<namespace>/<name>`. */
export class FakeK8sClient implements K8sClient {
  readonly #deployments: Map<string, K8sDeployment>;
  #writes = 0;

  constructor(deployments: Readonly<Record<string, K8sDeployment>> = {}) {
    this.#deployments = new Map(Object.entries(deployments));
  }

  /** How many calls came that may change something, whether or not they did. */
  get writes(): number {
    return this.#writes;
  }

  /** All deployments, sorted by `<namespace>/<name>`. */
  deployments(): Readonly<Record<string, K8sDeployment>> {
    return Object.fromEntries([...this.#deployments].toSorted(([a], [b]) => (a < b ? -1 : 1)));
  }

  /** Puts a deployment there past the port, as somebody else would. */
  put(id: string, deployment: K8sDeployment): void {
    this.#deployments.set(id, deployment);
  }

  /** Takes a deployment away past the port. */
  take(id: string): void {
    this.#deployments.delete(id);
  }

  async readDeployment(namespace: string, name: string, signal: AbortSignal): Promise<K8sDeployment | null> {
    await answer("Reading", namespace, name, signal);
    return this.#deployments.get(`${namespace}/${name}`) ?? null;
  }

  async applyDeployment(
    namespace: string,
    name: string,
    { image, replicas }: Pick<K8sDeployment, "image" | "replicas">,
    signal: AbortSignal,
  ): Promise<void> {
    this.#writes += 1;
    await answer("Applying", namespace, name, signal);
    this.#deployments.set(`${namespace}/${name}`, { image, replicas, readyReplicas: replicas, upToDate: true });
  }

  async deleteDeployment(namespace: string, name: string, signal: AbortSignal): Promise<void> {
    this.#writes += 1;
    await answer("Deleting", namespace, name, signal);
    this.#deployments.delete(`${namespace}/${name}`);
  }
}

/** Comes a moment later, as from a network, and only as long as the caller wants it. */
async function answer(doing: string, namespace: string, name: string, signal: AbortSignal): Promise<void> {
  await Promise.resolve();
  if (!signal.aborted) return;
  throw new PortError({
    code: "TimedOut",
    blame: "platform",
    message: `${doing} the deployment ${namespace}/${name} was called off before the cluster answered.`,
    next: "Nothing: it is tried again.",
  });
}
