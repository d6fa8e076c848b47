// A Raspberry Pi has no Kubernetes API. Only the Score that needs one is marked.
// expect 7:3 TS2322 Type 'K8sDeploymentScore' is not assignable to type '"K8sDeploymentScore requires K8sClient, which PiTopology lacks"'.
import { DirectoryScore, FileScore, K8sDeploymentScore, manifest, PiTopology } from "harmony-edge";

export default manifest(PiTopology, {
  motd: new FileScore({ path: "/etc/motd", content: "hello\n" }),
  shop: new K8sDeploymentScore({ name: "shop", image: "shop:1" }),
  www: new DirectoryScore({ path: "/srv/www" }),
});
