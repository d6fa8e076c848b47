// What looks like a Score and was not made by a Score class.
// expect 7:3 TS2322 "this is no Score: make it with a Score class, e.g. new FileScore({ ... })"
import { DirectoryScore, manifest, PiTopology } from "harmony-edge";

export default manifest(PiTopology, {
  www: new DirectoryScore({ path: "/srv/www" }),
  shop: { kind: "K8sDeployment", version: 1, requires: [], spec: {}, bind: () => ({}) },
});
