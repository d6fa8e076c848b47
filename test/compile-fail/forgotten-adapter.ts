// An agent has an adapter for each capability of its topology.
// expect 9:14 TS2741 Property 'K8sClient' is missing in type '{ FileSystemHost: FileSystemHost; }' but required in type 'Providers<Topology<"Cluster", 
import { FileSystemHost, K8sClient, topology } from "harmony-edge";
import type { Providers } from "../../src/agent/container.ts";

const Cluster = topology("Cluster", [FileSystemHost, K8sClient]);
declare const files: FileSystemHost;

export const adapters: Providers<typeof Cluster> = { FileSystemHost: files };
