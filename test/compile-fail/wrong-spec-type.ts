// expect 8:44 TS2322 Type 'number' is not assignable to type
// expect 9:47 TS2322 Type 'number' is not assignable to type 'string'.
// expect 11:77 TS2322 Type 'string' is not assignable to type 'number'.
import { DirectoryScore, FileScore, K8sDeploymentScore, manifest, PiTopology } from "harmony-edge";

// The mode is text, because 0755 and 755 are different numbers.
export default manifest(PiTopology, {
  motd: new FileScore({ path: "/etc/motd", content: 3 }),
  www: new DirectoryScore({ path: "/srv/www", mode: 0o755 }),
});
export const shop = new K8sDeploymentScore({ name: "shop", image: "shop:1", replicas: "2" });
