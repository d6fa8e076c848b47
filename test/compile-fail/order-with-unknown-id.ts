// expect 11:18 TS2322 Type '"nginx"' is not assignable to type '"motd"'.
// expect 12:22 TS2322 Type '"mtod"' is not assignable to type '"motd"'.
import { FileScore, manifest, PiTopology } from "harmony-edge";

const scores = {
  motd: new FileScore({ path: "/etc/motd", content: "hello\n" }),
  web: new FileScore({ path: "/etc/web", content: "hello\n" }),
};

export default manifest(PiTopology, scores, {
  after: { web: ["nginx"] },
  restartOn: { web: ["mtod"] },
});
