import type { Policy } from "../src/topology/policies.ts";
import type { Random } from "./random.ts";
import type { Wanted, Wish } from "./wanted.ts";

/**
 * What a run may want of a device, by sort. `pair`: a directory and a file in it. `served`: a service and the file that it is
 * started anew for. `either`: now a file, now a directory. `refused`: a file whose content the device sometimes never takes.
 */
const SORTS = [
  "file",
  "file",
  "nested",
  "pair",
  "pair",
  "service",
  "served",
  "served",
  "package",
  "ports",
  "either",
  "unknown",
  "hopeless",
  "refused",
] as const;
type Sort = (typeof SORTS)[number];
/** Those of files and services that everybody deals with as by default. */
const PLAIN: readonly Sort[] = ["file", "nested", "pair", "service", "either", "unknown", "hopeless"];

interface About {
  /** A ledger may be lost, and nobody then knows whose a directory is that stands where a file should be. */
  readonly mayForget: boolean;
  /** Files and services alone, without policies. */
  readonly isPlain?: boolean;
}

const POLICIES: readonly Policy[] = [
  { drift: "report" },
  { drift: "ignore" },
  { ownership: "own" },
  { ownership: "createOnly" },
  { ownership: "observe" },
  { removal: "orphan" },
  { lookEverySeconds: 7 },
  { ownership: "own", drift: "report" },
  { ownership: "createOnly", drift: "report", removal: "orphan" },
];

interface Slot {
  readonly sort: Sort;
  readonly name: string;
  /** Whether others than by default may be said for it. */
  readonly isGoverned: boolean;
  policy: Policy | undefined;
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

  constructor(random: Random, { mayForget, isPlain = false }: About) {
    this.#random = random;
    const count = 2 + random.below(5);
    const all: readonly Sort[] = isPlain ? PLAIN : SORTS;
    const sorts = mayForget ? all.filter((sort) => sort !== "either") : all;
    this.#slots = Array.from({ length: count }, (_, at): Slot => {
      const sort = random.pick(sorts) ?? "file";
      const mayBeGoverned = !isPlain && !["pair", "either", "unknown", "hopeless"].includes(sort);
      const isGoverned = mayBeGoverned && random.chance(0.5);
      return {
        sort,
        name: `${"abcdefgh"[at]}`,
        isGoverned,
        policy: isGoverned ? random.pick(POLICIES) : undefined,
        isThere: random.chance(0.8),
        hasInner: random.chance(0.8),
        isOther: random.chance(0.5),
        isRenamed: false,
        text: this.#text(sort),
      };
    });
  }

  get generation(): number {
    return this.#generation;
  }

  /** The directories that a device may have had before any agent came. */
  get directories(): readonly string[] {
    return this.#of("pair").map((name) => `/var/${name}`);
  }
  get units(): readonly string[] {
    return this.#of("service", "served").map((name) => `${name}.service`);
  }
  get packages(): readonly string[] {
    return this.#of("package").map((name) => `pkg-${name}`);
  }
  get openings(): readonly string[] {
    return this.#of("ports");
  }
  /** Files that somebody may meddle with. */
  get paths(): readonly string[] {
    return [
      ...this.#of("file", "served", "refused").map((name) => `/etc/${name}`),
      ...this.#of("nested").map((name) => `/srv/${name}/deep/conf`),
      ...this.#of("pair").map((name) => `/var/${name}/inner`),
    ];
  }

  #of(...sorts: readonly Sort[]): readonly string[] {
    return this.#slots.filter(({ sort }) => sorts.includes(sort)).map(({ name }) => name);
  }

  /** A manifest like the one before, with the next number. */
  next(): Wish {
    const random = this.#random;
    this.#generation += 1 + (random.chance(0.2) ? 1 : 0);
    for (const slot of this.#slots) {
      if (slot.isGoverned && random.chance(0.2)) slot.policy = random.chance(0.3) ? undefined : random.pick(POLICIES);
      if (!random.chance(0.4)) continue;
      const what = random.below(5);
      if (what <= 1) slot.text = this.#text(slot.sort);
      else if (what === 2) slot.isThere = !slot.isThere;
      else if (what === 3) slot.hasInner = !slot.hasInner;
      else slot.isOther = !slot.isOther;
      if (random.chance(0.1)) slot.isRenamed = !slot.isRenamed;
    }
    return this.#wish();
  }

  /** The same with the next number, but for another content of this one. */
  changed({ generation, scores }: Wish, id: string): Wish {
    this.#generation = generation + 1;
    const text = this.#text("file");
    const changed = [...scores].map(([each, wanted]): readonly [string, Wanted] => [
      each,
      each === id && "text" in wanted ? { ...wanted, text } : wanted,
    ]);
    return { generation: this.#generation, scores: new Map(changed) };
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

  /** Never one that was there before. */
  #text(sort: Sort): string {
    this.#texts += 1;
    return `ours ${this.#texts}${sort === "refused" && this.#random.chance(0.6) ? " refused" : ""}`;
  }
}

function wantedOf(slot: Slot, after: readonly string[]): Wanted[] {
  const { sort, name, text, policy, hasInner, isOther, isRenamed } = slot;
  const id = isRenamed ? `${name}-renamed` : name;
  const any = { id, after, restartOn: [], policy };
  const file = { ...any, sort: "file", text, parents: false, hopeless: false } as const;
  switch (sort) {
    case "file":
    case "refused":
      return [{ ...file, path: `/etc/${name}` }];
    case "hopeless":
      return [{ ...file, path: `/etc/${name}`, hopeless: true }];
    case "nested":
      return [{ ...file, path: `/srv/${name}/deep/conf`, parents: true }];
    case "pair": {
      const directory: Wanted = { ...any, sort: "directory", path: `/var/${name}` };
      const inner: Wanted = { ...file, id: `${id}-inner`, after: [id], path: `/var/${name}/inner` };
      return hasInner ? [directory, inner] : [directory];
    }
    case "served": {
      const config: Wanted = { ...file, id: `${id}-config`, path: `/etc/${name}` };
      // Its own text stays, so that nothing but the file is a reason to start it anew.
      const served = {
        sort: "service",
        unit: `${name}.service`,
        text: `ours ${isOther}`,
        restartOn: [config.id],
      } as const;
      // A restart is not for what is only looked at, or made once.
      const { drift } = policy ?? {};
      return [config, { ...any, ...served, policy: drift && { drift } }];
    }
    case "either":
      return isOther ? [{ ...file, path: `/opt/${name}` }] : [{ ...any, sort: "directory", path: `/opt/${name}` }];
    case "service":
      return [{ ...any, sort: "service", unit: `${name}.service`, text }];
    case "package":
      return [{ ...any, sort: "package", name: `pkg-${name}`, text }];
    case "ports":
      return [{ ...any, sort: "ports", name, text }];
    case "unknown":
      return [{ ...any, policy: undefined, sort: "unknown" }];
  }
}
