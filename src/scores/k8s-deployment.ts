import { match } from "ts-pattern";
import * as z from "zod";
import { K8sClient } from "../capabilities/k8s-client.ts";
import { Score } from "./score.ts";

/** An RFC 1123 label, as Kubernetes wants names. */
const Label = z
  .string()
  .regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, "a name is 1 to 63 of a-z, 0-9 and -, not - at its ends");

const spec = z.strictObject({
  /** The name of the Deployment. */
  name: Label,
  /** Default `"default"`. */
  namespace: Label.default("default"),
  /** What its one container runs: `"nginx:1"`. */
  image: z.string().min(1).max(512),
  /** How many of it run. Default 1. */
  replicas: z.int().min(0).max(1000).default(1),
});

const observed = z.discriminatedUnion("state", [
  z.object({ state: z.literal("absent") }),
  z.object({
    state: z.literal("present"),
    image: z.string(),
    replicas: z.number(),
    readyReplicas: z.number(),
    upToDate: z.boolean(),
  }),
]);

const step = z.discriminatedUnion("do", [
  z.object({ do: z.literal("apply"), image: z.string(), replicas: z.number() }),
  z.object({ do: z.literal("delete") }),
]);

/** A Kubernetes Deployment. For topologies that have a cluster; `PiTopology` has none. */
export class K8sDeploymentScore extends Score(
  "K8sDeployment",
  { version: 1, requires: [K8sClient], spec, observed, step },
  {
    identity: ({ namespace, name }) => `deployment:${namespace}/${name}`,
    reach: ({ image }) => [{ _tag: "image", image }],

    async observe({ namespace, name }, { K8sClient: cluster }, { signal }) {
      const deployment = await cluster.readDeployment(namespace, name, signal);
      return deployment === null ? { state: "absent" } : { state: "present", ...deployment };
    },
    plan: ({ image, replicas }, seen) =>
      seen.state === "present" && seen.image === image && seen.replicas === replicas
        ? []
        : [{ do: "apply", image, replicas }],
    retire({ namespace, name, image, replicas }, seen, claims) {
      if (seen.state === "absent") return [];
      // What the Score never came to change is somebody else's, and stays.
      const isAsDeclared = seen.image === image && seen.replicas === replicas;
      return isAsDeclared || claims.has(`deployment:${namespace}/${name}`) ? [{ do: "delete" }] : [];
    },
    apply: (taken, { namespace, name }, { K8sClient: cluster }, { signal }) =>
      match(taken)
        .with({ do: "apply" }, ({ image, replicas }) =>
          cluster.applyDeployment(namespace, name, { image, replicas }, signal),
        )
        .with({ do: "delete" }, () => cluster.deleteDeployment(namespace, name, signal))
        .exhaustive(),
  },
) {}
