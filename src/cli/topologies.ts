import * as library from "../index.ts";
import type { Topology } from "../topology/topology.ts";

/** Every topology that this build exports, for those that are named on the command line. */
export function topologies(): readonly Topology[] {
  const exported: readonly unknown[] = Object.values(library);
  return exported.filter(isTopology);
}

const isTopology = (value: unknown): value is Topology =>
  typeof value === "object" &&
  value !== null &&
  "name" in value &&
  typeof value.name === "string" &&
  "offers" in value &&
  Array.isArray(value.offers);
