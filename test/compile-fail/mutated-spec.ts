// A spec is frozen all the way down, at run time and for the compiler.
// expect 8:11 TS2540 Cannot assign to 'mode' because it is a read-only property.
// expect 9:95 TS2540 Cannot assign to 'base64' because it is a read-only property.
// expect 11:6 TS2540 Cannot assign to 'spec' because it is a read-only property.
import { FileScore, K8sDeploymentScore } from "harmony-edge";

const motd = new FileScore({ path: "/etc/motd", content: { base64: "aGk=" } });
motd.spec.mode = "0600";
if (typeof motd.spec.content !== "string" && "base64" in motd.spec.content) motd.spec.content.base64 = "";
const shop = new K8sDeploymentScore({ name: "shop", image: "shop:1" });
shop.spec = { ...shop.spec, replicas: 2 };
