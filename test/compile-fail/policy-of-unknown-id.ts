// expect 7:63 TS2353 'wed' does not exist
// expect 8:70 TS2322 Type '"tell"' is not assignable to type
import { FileScore, manifest, PiTopology } from "harmony-edge";

const scores = { web: new FileScore({ path: "/web", content: "" }) };

export const one = manifest(PiTopology, scores, { policies: { wed: { drift: "report" } } });
export const two = manifest(PiTopology, scores, { policies: { web: { drift: "tell" } } });
