// A Score must fit each member of a union of topologies, not the sum of what they offer.
// expect 9:5 TS2322 Type 'FileScore' is not assignable to type '"FileScore requires FileSystemHost, which Cluster lacks"'.
import { FileScore, K8sClient, manifest, PiTopology, topology } from "harmony-edge";

const Cluster = topology("Cluster", [K8sClient]);

const declare = (onCluster: boolean) =>
  manifest(onCluster ? Cluster : PiTopology, {
    motd: new FileScore({ path: "/etc/motd", content: "hello\n" }),
  });

export default declare(true);
