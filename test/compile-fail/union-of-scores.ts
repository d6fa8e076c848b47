// Each member of a union must fit, because each may be the one.
// expect 7:5 TS2322 "K8sDeploymentScore requires K8sClient, which PiTopology lacks"
import { FileScore, K8sDeploymentScore, manifest, PiTopology } from "harmony-edge";

const declare = (onCluster: boolean) =>
  manifest(PiTopology, {
    shop: onCluster
      ? new K8sDeploymentScore({ name: "shop", image: "shop:1" })
      : new FileScore({ path: "/etc/shop", content: "1" }),
  });

export default declare(true);
