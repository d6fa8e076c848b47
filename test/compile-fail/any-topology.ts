// The same for a topology of type any.
// expect 7:3 TS2322 Type 'K8sDeploymentScore' is not assignable to type '"the topology's type was widened: pass the topology constant itself, e.g. PiTopology"'.
import { K8sDeploymentScore, manifest } from "harmony-edge";

const place = JSON.parse("{}");
export default manifest(place, {
  shop: new K8sDeploymentScore({ name: "shop", image: "shop:1" }),
});
