import {
  DirectoryScore,
  FileScore,
  FirewallPortsScore,
  PackageScore,
  SystemdServiceScore,
} from "../src/scores/index.ts";
import type { AnyScore } from "../src/scores/score.ts";
import { type Policy, type Policies, policiesOf } from "../src/topology/policies.ts";
import { encodeScore } from "../src/wire/encode.ts";
import { AgentId } from "../src/wire/keys.ts";

export const AGENT = AgentId.parse("pi-7");

/** One Score of a manifest, as the simulator thinks of it. */
export type Wanted = {
  readonly id: string;
  readonly after: readonly string[];
  readonly restartOn: readonly string[];
  readonly policy: Policy | undefined;
} & (
  | {
      readonly sort: "file";
      readonly path: string;
      readonly text: string;
      readonly parents: boolean;
      /** It wants an owner that no device knows. */
      readonly hopeless: boolean;
    }
  | { readonly sort: "directory"; readonly path: string }
  | { readonly sort: "service"; readonly unit: string; readonly text: string }
  | { readonly sort: "package"; readonly name: string; readonly text: string }
  | { readonly sort: "ports"; readonly name: string; readonly text: string }
  | { readonly sort: "unknown" }
);

export interface Wish {
  readonly generation: number;
  readonly scores: ReadonlyMap<string, Wanted>;
}

/** With nothing left out. */
export const policies = ({ policy }: Wanted): Policies => policiesOf(policy);

/** What no device takes, ever. */
export const isRefused = (text: string | null): boolean => text?.endsWith(" refused") === true;

/** Which version of a package, and which port, stands for a text. */
export const versionOf = (text: string): string => `${numberOf(text)}.0`;
export const portOfText = (text: string): number => 1000 + numberOf(text);
const numberOf = (text: string): number => Number(/\d+/.exec(text)?.[0] ?? 0);

export const identityOf = (wanted: Wanted): string | null => {
  switch (wanted.sort) {
    case "file":
    case "directory":
      return `path:${wanted.path}`;
    case "service":
      return `unit:${wanted.unit}`;
    case "package":
      return `package:${wanted.name}`;
    case "ports":
      return `firewall:${wanted.name}`;
    case "unknown":
      return null;
  }
};

/** What changes when the Score is worked on, if the sort has such a thing. */
export const textOf = (wanted: Wanted): string | null => ("text" in wanted ? wanted.text : null);

/** The exact text of the payload. */
export const payloadOf = ({ generation, scores }: Wish, agentId: string = AGENT): string =>
  JSON.stringify({
    agentId,
    generation,
    issuedAt: "2026-01-01T00:00:00.000Z",
    scores: Object.fromEntries([...scores.values()].map((wanted) => [wanted.id, wireOf(wanted)])),
  });

function wireOf(wanted: Wanted): unknown {
  const { after, restartOn, policy } = wanted;
  const score = scoreOf(wanted);
  return score === null
    ? { kind: "Teleporter", version: 1, requires: [], after, restartOn, spec: { json: {} } }
    : encodeScore(score, after, restartOn, policy);
}

/** Null where the kind is one that nobody knows. */
function scoreOf(wanted: Wanted): AnyScore | null {
  switch (wanted.sort) {
    case "file": {
      const { path, text, parents, hopeless } = wanted;
      return new FileScore({ path, content: text, parents, ...(hopeless && { owner: "nobody-knows" }) });
    }
    case "directory":
      return new DirectoryScore({ path: wanted.path });
    case "service": {
      const { unit, text } = wanted;
      const name = unit.slice(0, -".service".length);
      return new SystemdServiceScore({ name, description: text, exec: ["/usr/bin/true"] });
    }
    case "package":
      return new PackageScore({ name: wanted.name, version: versionOf(wanted.text) });
    case "ports":
      return new FirewallPortsScore({ name: wanted.name, ports: [{ port: portOfText(wanted.text) }] });
    case "unknown":
      return null;
  }
}

export const KIND_OF: Readonly<Record<Wanted["sort"], string>> = {
  file: "File",
  directory: "Directory",
  service: "SystemdService",
  package: "Package",
  ports: "FirewallPorts",
  unknown: "Teleporter",
};
