// Does not compile, on purpose: a Raspberry Pi has no Kubernetes API. The demo shows how each gate refuses it.
import { FileScore, K8sDeploymentScore, manifest, PiTopology } from "harmony-edge";

export default manifest(PiTopology, {
  motd: new FileScore({ path: "/etc/motd", content: "Welcome.\n" }),
  web: new K8sDeploymentScore({ name: "web", image: "registry.example/web:1" }),
});
