/** The images of a runtime in memory, by the digests of their manifests. */
export interface FakeImage {
  /** All that it can be referred to by, but the marks of Harmony. */
  readonly names: readonly string[];
  /** The containers that Harmony keeps it for. Default none. */
  readonly keptFor?: readonly string[] | undefined;
}

interface Held {
  readonly names: Set<string>;
  readonly keptFor: Set<string>;
}

const ARCHIVE = "localhost/harmony-edge-asset/";

/** Of an image that nothing needs any more: null where it goes, for its one name is the one that it was brought by. */
export function namesLeft(names: readonly string[]): readonly string[] | null {
  const others = names.filter((name) => !name.startsWith(ARCHIVE));
  return others.length === 0 || names.length === 1 ? null : others;
}

export class FakeImages {
  readonly #held = new Map<string, Held>();

  put(digest: string, { names, keptFor = [] }: FakeImage): void {
    this.#held.set(digest, { names: new Set(names), keptFor: new Set(keptFor) });
  }

  take(digest: string): void {
    this.#held.delete(digest);
  }

  has(digest: string): boolean {
    return this.#held.has(digest);
  }

  find(reference: string): { readonly digest: string; readonly keptFor: readonly string[] } | null {
    for (const [digest, { names, keptFor }] of this.#held) {
      const repositories = [...names].map((name) => name.replace(/(@|:[^:/]*$).*$/, ""));
      const isByDigest = repositories.some((repository) => reference === `${repository}@${digest}`);
      if (isByDigest || names.has(reference)) return { digest, keptFor: [...keptFor].toSorted() };
    }
    return null;
  }

  keptFor(container: string): readonly string[] {
    return [...this.#held].filter(([, { keptFor }]) => keptFor.has(container)).map(([digest]) => digest);
  }

  /** Kept for the container where it is new, or Harmony's already; else it is somebody's who may want it longer. */
  pulled(digest: string, reference: string, container: string): void {
    const there = this.#held.get(digest);
    if (there === undefined) this.put(digest, { names: [reference], keptFor: [container] });
    else {
      there.names.add(reference);
      if (there.keptFor.size > 0) there.keptFor.add(container);
    }
  }

  keep(digest: string, container: string): void {
    this.#held.get(digest)?.keptFor.add(container);
  }

  release(digest: string, container: string, isUsed: boolean): void {
    const there = this.#held.get(digest);
    if (there?.keptFor.delete(container) !== true) return;
    if (there.keptFor.size > 0 || isUsed) return;
    const left = namesLeft([...there.names]);
    if (left === null) this.#held.delete(digest);
    else this.#held.set(digest, { names: new Set(left), keptFor: there.keptFor });
  }

  tree(): Record<string, string | true> {
    const facts: Record<string, string | true> = {};
    for (const [digest, { names, keptFor }] of [...this.#held].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
      facts[`image:${digest}`] = [...names].toSorted().join(" ");
      for (const container of [...keptFor].toSorted()) facts[`kept:${digest}:${container}`] = true;
    }
    return facts;
  }
}
