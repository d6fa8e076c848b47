// A fleet's manifests go through the same gate.
// expect 8:7 TS2322 Type 'K8sDeploymentScore' is not assignable to type '"K8sDeploymentScore requires K8sClient, which PiTopology lacks"'.
import { fleet, group, K8sDeploymentScore, manifest, PiTopology } from "harmony-edge";

export default fleet({
  kiosks: group("role=kiosk", PiTopology, {}, () =>
    manifest(PiTopology, {
      web: new K8sDeploymentScore({ name: "web", image: "nginx:1" }),
    }),
  ),
});
