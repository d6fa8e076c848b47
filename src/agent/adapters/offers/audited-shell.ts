import type { AuditedShell } from "../../../capabilities/audited-shell.ts";
import type { Adapter } from "../../linked.ts";
import { LocalShell } from "../local-shell.ts";
import { inDirectory } from "../offering.ts";

/** It says itself by which flag it is enabled, and runs nothing before. */
export const auditedShell: Adapter<AuditedShell> = ({ root, statePath, capabilities, trail, log }) => {
  const shell = new LocalShell({
    isEnabled: capabilities.includes("AuditedShell") && root === "/",
    directory: statePath,
    ...(trail && { record: (event) => trail.demand(event) }),
    log,
  });
  return root === "/" ? shell : inDirectory(shell);
};
