// A pair offers what both of its members do: whatever only one of them has may be on the wrong one.
// expect 10:3 TS2322 Type 'FileScore' is not assignable to type '"FileScore requires FileSystemHost, which FailoverTopology<PiTopology, ClusterTopology> lacks: ClusterTopology lacks it"'.
// expect 13:3 TS2322 Type 'ContainerScore' is not assignable to type '"ContainerScore requires ContainerRuntime, which FailoverTopology<PiTopology> lacks: PiTopology lacks it: podman >= 4.4 not found"'.
// expect 16:3 TS2322 the topology's type was widened
import { ContainerScore, failover, FileScore, K8sClient, manifest, PiTopology, topology, without } from "harmony-edge";
import type { Topology } from "harmony-edge";
const Cluster = topology("ClusterTopology", [K8sClient]);

export const mixed = manifest(failover(PiTopology, Cluster), {
  motd: new FileScore({ path: "/etc/motd", content: "hello\n" }),
});
export const poorer = manifest(failover(PiTopology, without(PiTopology, { ContainerRuntime: "podman >= 4.4 not found" })), {
  web: new ContainerScore({ name: "web", image: "docker.io/library/web:1" }),
});
export const widened = manifest(failover(PiTopology, PiTopology as Topology), {
  motd: new FileScore({ path: "/etc/motd", content: "hello\n" }),
});
