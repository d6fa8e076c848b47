// Commands are run where the device lets them in, and an ordinary Pi does not. Only the Score that needs one is marked.
// expect 13:39 TS2322 Type 'ShellJobScore' is not assignable to type '"ShellJobScore requires AuditedShell, which PiTopology lacks"'.
import { manifest, PiTopology, PiWithAuditedShellTopology, ShellJobScore } from "harmony-edge";

const seed = new ShellJobScore({
  name: "seed",
  check: ["/usr/bin/test", "-e", "/srv/seeded"],
  run: ["/usr/bin/touch", "/srv/seeded"],
  runAs: "root",
  approver: "Ada",
  expires: new Date("2027-01-01T00:00:00Z"),
});
export default manifest(PiTopology, { seed });

export const allowed = manifest(PiWithAuditedShellTopology, { seed });
