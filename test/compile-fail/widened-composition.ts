// A composition that no longer knows its parts is refused, and so is one with a part that no longer knows itself.
// expect 18:3 TS2322 "the score's type was widened: pass the score class's own instance, not AnyScore"
// expect 19:3 TS2322 "the score's type was widened: pass the score class's own instance, not AnyScore"
import {
  type AnyScore,
  compose,
  type Composition,
  DirectoryScore,
  K8sDeploymentScore,
  manifest,
  PiTopology,
} from "harmony-edge";

const shop: Composition = compose("Shop", { server: new K8sDeploymentScore({ name: "shop", image: "shop:1" }) });
const server: AnyScore = new K8sDeploymentScore({ name: "other", image: "shop:1" });

export default manifest(PiTopology, {
  shop,
  other: compose("Shop", { server, www: new DirectoryScore({ path: "/srv/www" }) }),
});
