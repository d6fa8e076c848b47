import { AuditedShell } from "../capabilities/audited-shell.ts";
import { PiTopology } from "./pi.ts";
import { topology } from "./topology.ts";

/**
 * A Raspberry Pi whose own configuration lets commands be run (`harmony agent run --allow-audited-shell`). A topology of its
 * own, so that a manifest says in its first line that it asks for that, and compiles for no other device.
 */
export const PiWithAuditedShellTopology = topology("PiWithAuditedShellTopology", [...PiTopology.offers, AuditedShell]);
