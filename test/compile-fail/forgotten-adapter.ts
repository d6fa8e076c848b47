// An agent has an adapter for each capability of its topology.
// expect 9:14 TS2741 Property 'K8sClient' is missing in type '{ FileSystemHost: Offering<FileSystemHost>; }' but required in type 'Offerings<Topology<"Cluster", 
import { FileSystemHost, K8sClient, topology } from "harmony-edge";
import type { Offering } from "../../src/agent/adapters/offering.ts";
import type { Offerings } from "../../src/agent/host.ts";
const Cluster = topology("Cluster", [FileSystemHost, K8sClient]);
declare const files: Offering<FileSystemHost>;

export const adapters: Offerings<typeof Cluster> = { FileSystemHost: files };
