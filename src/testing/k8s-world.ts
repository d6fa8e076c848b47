import * as fc from "fast-check";
import type { K8sDeployment } from "../capabilities/k8s-client.ts";
import { K8sDeploymentScore } from "../scores/k8s-deployment.ts";
import { FakeK8sClient } from "./fake-k8s-client.ts";
import type { World } from "./world.ts";

type Spec = ConstructorParameters<typeof K8sDeploymentScore>[0];
type Deployments = Readonly<Record<string, K8sDeployment>>;
/** A Deployment that somebody puts there or, where it is null, takes away. */
type Change = { readonly id: string; readonly to: K8sDeployment | null };

const name = fc.constantFrom("web", "db", "a", "0-9");
const image = fc.constantFrom("nginx:1.29", "nginx:1.30", "registry.example/app@sha256:00");
const deployment: fc.Arbitrary<K8sDeployment> = fc.record({
  image,
  replicas: fc.nat(3),
  readyReplicas: fc.nat(3),
  upToDate: fc.boolean(),
});

const idOf = ({ namespace = "default", name: named }: Spec): string => `${namespace}/${named}`;

/** Specs of a Deployment, and the cluster in memory. */
export const k8sDeploymentWorld: World<Spec, Deployments, Change, K8sDeployment> = {
  kind: K8sDeploymentScore,
  specs: fc.record({ name, namespace: name, image, replicas: fc.nat(3) }, { requiredKeys: ["name", "image"] }),
  devices: (spec) =>
    fc
      .tuple(
        fc.dictionary(
          fc.tuple(name, name).map((parts) => parts.join("/")),
          deployment,
          { maxKeys: 3, noNullPrototype: true },
        ),
        fc.option(fc.oneof(deployment, fc.constant(wantedBy(spec))), { nil: null }),
      )
      .map(([around, there]) => ({ ...around, ...(there === null ? {} : { [idOf(spec)]: there }) })),
  changes: (spec) =>
    fc.record({
      id: fc.oneof(
        { weight: 3, arbitrary: fc.constant(idOf(spec)) },
        { weight: 1, arbitrary: fc.constant("other/one") },
      ),
      to: fc.option(deployment, { nil: null }),
    }),
  open(deployments) {
    const cluster = new FakeK8sClient(deployments);
    return {
      ports: { K8sClient: cluster },
      snapshot: () => cluster.deployments(),
      change: ({ id, to }) => (to === null ? cluster.take(id) : cluster.put(id, to)),
    };
  },
  about: (spec) => [idOf(spec)],
  judge(spec, now) {
    const wanted = wantedBy(spec);
    const there = now[idOf(spec)];
    return there?.image === wanted.image && there.replicas === wanted.replicas ? "so" : "not-so";
  },
  left(spec, now, made) {
    const there = now[idOf(spec)];
    const wanted = wantedBy(spec);
    const isAsDeclared = there !== undefined && there.image === wanted.image && there.replicas === wanted.replicas;
    const isOwn = isAsDeclared || made.has(`deployment:${idOf(spec)}`);
    return Object.fromEntries(Object.entries(now).filter(([id]) => !isOwn || id !== idOf(spec)));
  },
};

const wantedBy = ({ image: wanted, replicas = 1 }: Spec): K8sDeployment => ({
  image: wanted,
  replicas,
  readyReplicas: replicas,
  upToDate: true,
});
