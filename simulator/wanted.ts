import { DirectoryScore, FileScore, SystemdServiceScore } from "../src/scores/index.ts";
import { encodeScore } from "../src/wire/encode.ts";
import { AgentId } from "../src/wire/keys.ts";
import type { Random } from "./random.ts";

export const AGENT = AgentId.parse("pi-7");

/** One Score of a manifest, as the simulator thinks of it. */
export type Wanted = { readonly id: string; readonly after: readonly string[] } & (
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
  | { readonly sort: "unknown" }
);

export interface Wish {
  readonly generation: number;
  readonly scores: ReadonlyMap<string, Wanted>;
}

export const identityOf = (wanted: Wanted): string | null => {
  switch (wanted.sort) {
    case "file":
    case "directory":
      return `path:${wanted.path}`;
    case "service":
      return `unit:${wanted.unit}`;
    case "unknown":
      return null;
  }
};

/** The exact text of the payload. */
export const payloadOf = ({ generation, scores }: Wish, agentId: string = AGENT): string =>
  JSON.stringify({
    agentId,
    generation,
    issuedAt: "2026-01-01T00:00:00.000Z",
    scores: Object.fromEntries([...scores.values()].map((wanted) => [wanted.id, wireOf(wanted)])),
  });

function wireOf(wanted: Wanted): unknown {
  const { after } = wanted;
  switch (wanted.sort) {
    case "file": {
      const { path, text, parents, hopeless } = wanted;
      return encodeScore(
        new FileScore({ path, content: text, parents, ...(hopeless && { owner: "nobody-knows" }) }),
        after,
      );
    }
    case "directory":
      return encodeScore(new DirectoryScore({ path: wanted.path }), after);
    case "service": {
      const { unit, text } = wanted;
      const name = unit.slice(0, -".service".length);
      return encodeScore(new SystemdServiceScore({ name, description: text, exec: ["/usr/bin/true"] }), after);
    }
    case "unknown":
      return { kind: "Teleporter", version: 1, requires: [], after, restartOn: [], spec: { json: {} } };
  }
}

/** What a run may want of a device, by sort. `pair`: a directory and a file in it. `either`: now a file, now a directory. */
const SORTS = [
  "file",
  "file",
  "nested",
  "pair",
  "pair",
  "service",
  "service",
  "either",
  "unknown",
  "hopeless",
] as const;
type Sort = (typeof SORTS)[number];

interface Slot {
  readonly sort: Sort;
  readonly name: string;
  isThere: boolean;
  hasInner: boolean;
  isOther: boolean;
  isRenamed: boolean;
  text: string;
}

/** Whoever ships manifests: each one differs from the one before in a few Scores. */
export class Author {
  readonly #random: Random;
  readonly #slots: Slot[];
  #generation = 0;
  #texts = 0;

  /** `mayForget`: a ledger may be lost, and nobody then knows whose a directory is that stands where a file should be. */
  constructor(random: Random, { mayForget }: { readonly mayForget: boolean }) {
    this.#random = random;
    const count = 2 + random.below(5);
    const sorts = mayForget ? SORTS.filter((sort) => sort !== "either") : SORTS;
    this.#slots = Array.from({ length: count }, (_, at) => ({
      sort: random.pick(sorts) ?? "file",
      name: `${"abcdefgh"[at]}`,
      isThere: random.chance(0.8),
      hasInner: random.chance(0.8),
      isOther: random.chance(0.5),
      isRenamed: false,
      text: this.#text(),
    }));
  }

  get generation(): number {
    return this.#generation;
  }

  /** The directories that a device may have had before any agent came. */
  get directories(): readonly string[] {
    return this.#slots.flatMap(({ sort, name }) => (sort === "pair" ? [`/var/${name}`] : []));
  }
  get units(): readonly string[] {
    return this.#slots.flatMap(({ sort, name }) => (sort === "service" ? [`${name}.service`] : []));
  }
  /** Files that somebody may meddle with. */
  get paths(): readonly string[] {
    return this.#slots.flatMap(({ sort, name }) => {
      if (sort === "file") return [`/etc/${name}`];
      if (sort === "nested") return [`/srv/${name}/deep/conf`];
      return sort === "pair" ? [`/var/${name}/inner`] : [];
    });
  }

  /** A manifest like the one before, with the next number. */
  next(): Wish {
    const random = this.#random;
    this.#generation += 1 + (random.chance(0.2) ? 1 : 0);
    for (const slot of this.#slots) {
      if (!random.chance(0.4)) continue;
      const what = random.below(5);
      if (what <= 1) slot.text = this.#text();
      else if (what === 2) slot.isThere = !slot.isThere;
      else if (what === 3) slot.hasInner = !slot.hasInner;
      else slot.isOther = !slot.isOther;
      if (random.chance(0.1)) slot.isRenamed = !slot.isRenamed;
    }
    return this.#wish();
  }

  /** Nothing is wanted any more. */
  nothing(): Wish {
    this.#generation += 1;
    return { generation: this.#generation, scores: new Map() };
  }

  #wish(): Wish {
    const scores = new Map<string, Wanted>();
    for (const slot of this.#slots) {
      if (!slot.isThere) continue;
      // Only ever on what comes before it in the manifest, so never in a circle.
      const others = [...scores.keys()];
      const on = this.#random.chance(0.25) ? this.#random.pick(others) : undefined;
      for (const wanted of wantedOf(slot, on === undefined ? [] : [on])) scores.set(wanted.id, wanted);
    }
    return { generation: this.#generation, scores };
  }

  #text(): string {
    this.#texts += 1;
    return `ours ${this.#texts}`;
  }
}

function wantedOf({ sort, name, text, hasInner, isOther, isRenamed }: Slot, after: readonly string[]): Wanted[] {
  const id = isRenamed ? `${name}-renamed` : name;
  const file = { id, after, sort: "file", text, parents: false, hopeless: false } as const;
  switch (sort) {
    case "file":
      return [{ ...file, path: `/etc/${name}` }];
    case "hopeless":
      return [{ ...file, path: `/etc/${name}`, hopeless: true }];
    case "nested":
      return [{ ...file, path: `/srv/${name}/deep/conf`, parents: true }];
    case "pair": {
      const directory: Wanted = { id, after, sort: "directory", path: `/var/${name}` };
      const inner: Wanted = { ...file, id: `${id}-inner`, after: [id], path: `/var/${name}/inner` };
      return hasInner ? [directory, inner] : [directory];
    }
    case "either":
      return isOther ? [{ ...file, path: `/opt/${name}` }] : [{ id, after, sort: "directory", path: `/opt/${name}` }];
    case "service":
      return [{ id, after, sort: "service", unit: `${name}.service`, text }];
    case "unknown":
      return [{ id, after, sort: "unknown" }];
  }
}
