// Scores that were collected in a record first.
// expect 9:37 TS2345 "K8sDeploymentScore requires K8sClient, which PiTopology lacks"
import { FileScore, K8sDeploymentScore, manifest, PiTopology } from "harmony-edge";

const scores: Record<string, FileScore | K8sDeploymentScore> = {
  motd: new FileScore({ path: "/etc/motd", content: "hello\n" }),
};

export default manifest(PiTopology, scores);
