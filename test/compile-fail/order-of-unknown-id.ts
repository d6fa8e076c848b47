// expect 11:12 TS2353 'nginx' does not exist in type
// expect 14:3 TS2561 'restartsOn' does not exist in type 'ManifestOptions< && Did you mean to write 'restartOn'?
import { FileScore, manifest, PiTopology } from "harmony-edge";

const scores = {
  motd: new FileScore({ path: "/etc/motd", content: "hello\n" }),
  web: new FileScore({ path: "/etc/web", content: "hello\n" }),
};

export const one = manifest(PiTopology, scores, {
  after: { nginx: ["motd"] },
});
export const two = manifest(PiTopology, scores, {
  restartsOn: { web: ["motd"] },
});
