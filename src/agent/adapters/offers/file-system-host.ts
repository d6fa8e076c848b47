import { type Adapter, whereEnabled } from "../../linked.ts";
import type { NodeFileSystem } from "../node-file-system.ts";
import { fileSystemOffering } from "../offering.ts";

export const fileSystemHost: Adapter<NodeFileSystem> = (host) =>
  whereEnabled(host, "FileSystemHost", fileSystemOffering(host.files, host.root));
