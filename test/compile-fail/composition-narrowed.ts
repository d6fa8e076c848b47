// A composition's type cannot be made to require less than its parts do.
// expect 6:7 TS2322 is not assignable to type 'Composition<FileScore>'.
// expect 10:7 TS2322 is not assignable to type 'Composition<never>'.
import { compose, type Composition, FileScore, K8sDeploymentScore } from "harmony-edge";

const less: Composition<FileScore> = compose("Shop", {
  settings: new FileScore({ path: "/etc/shop", content: "hello\n" }),
  server: new K8sDeploymentScore({ name: "shop", image: "shop:1" }),
});
const nothing: Composition<never> = compose("Shop", {
  server: new K8sDeploymentScore({ name: "shop", image: "shop:1" }),
});
export default [less, nothing];
