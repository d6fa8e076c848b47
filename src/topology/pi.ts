import { FileSystemHost } from "../capabilities/file-system-host.ts";
import { topology } from "./topology.ts";

/** What a Raspberry Pi that runs this version's agent offers. */
export const PiTopology = topology("PiTopology", [FileSystemHost]);
