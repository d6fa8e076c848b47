// However deep the part lies.
// expect 11:3 TS2322 "K8sDeploymentScore requires K8sClient, which PiTopology lacks"
import { compose, DirectoryScore, FileScore, K8sDeploymentScore, manifest, PiTopology } from "harmony-edge";

const server = (name: string) => compose("Server", { pods: new K8sDeploymentScore({ name, image: "shop:1" }) });
const shop = (name: string) =>
  compose("Shop", { settings: new FileScore({ path: "/etc/shop", content: "" }), server: server(name) });

export default manifest(PiTopology, {
  www: new DirectoryScore({ path: "/srv/www" }),
  mall: compose("Mall", { one: shop("one"), other: new FileScore({ path: "/etc/mall", content: "" }) }),
});
