// The type AnyScore no longer knows what is required, so it is refused instead of waved through.
// expect 9:3 TS2322 Type 'AnyScore' is not assignable to type '"the score's type was widened: pass the score class's own instance, not AnyScore"'.
import { type AnyScore, DirectoryScore, K8sDeploymentScore, manifest, PiTopology } from "harmony-edge";

const shop: AnyScore = new K8sDeploymentScore({ name: "shop", image: "shop:1" });

export default manifest(PiTopology, {
  www: new DirectoryScore({ path: "/srv/www" }),
  shop,
});
