// A composition requires what any of its parts requires, and the sentence names that part. The others are not marked.
// expect 11:3 TS2322 "K8sDeploymentScore requires K8sClient, which PiTopology lacks"
import { compose, DirectoryScore, FileScore, K8sDeploymentScore, manifest, PiTopology } from "harmony-edge";

const shop = compose("Shop", {
  settings: new FileScore({ path: "/etc/shop", content: "hello\n" }),
  server: new K8sDeploymentScore({ name: "shop", image: "shop:1" }),
});
export default manifest(PiTopology, {
  www: new DirectoryScore({ path: "/srv/www" }),
  shop,
});
