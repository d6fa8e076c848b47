// A group is for devices of one topology: a manifest for others would be refused by each of them.
// expect 8:53 TS2322 Type '"PiWithAuditedShellTopology"' is not assignable to type '"PiTopology"'.
import { DirectoryScore, fleet, group, manifest, PiTopology, PiWithAuditedShellTopology } from "harmony-edge";

const made = manifest(PiWithAuditedShellTopology, { www: new DirectoryScore({ path: "/srv/www" }) });

export default fleet({
  kiosks: group("role=kiosk", PiTopology, {}, () => made),
});
