// A topology typed Topology would offer every capability there is.
// expect 8:3 TS2322 Type 'K8sDeploymentScore' is not assignable to type '"the topology's type was widened: pass the topology constant itself, e.g. PiTopology"'.
import { K8sDeploymentScore, manifest, PiTopology, type Topology } from "harmony-edge";

const place: Topology = PiTopology;

export default manifest(place, {
  shop: new K8sDeploymentScore({ name: "shop", image: "shop:1" }),
});
