// A topology typed plain `Topology` would offer everything.
// expect 8:31 TS2345 "the topology's type was widened: pass the topology constant itself"
import { fleet, group, manifest, PiTopology, type Topology } from "harmony-edge";

const somewhere: Topology = PiTopology;

export default fleet({
  kiosks: group("role=kiosk", somewhere, {}, () => manifest(PiTopology, {})),
});
