import { identityOf, type Wish } from "./wanted.ts";

interface Link {
  readonly unit: string;
  readonly by: string;
  /** Counts as the changes do; what was changed before it need not be known to the unit. */
  readonly since: number;
}

/** Which change of a thing each unit of a device has been started after, as the device itself could tell. */
export class Restarts {
  #now = 0;
  readonly #changed = new Map<string, number>();
  readonly #started = new Map<string, number>();
  #links: ReadonlyMap<string, Link> = new Map();
  /** How often each unit was started anew. */
  readonly counts = new Map<string, number>();

  /** An agent wrote to what has this identity. */
  changed(identity: string): void {
    this.#now += 1;
    this.#changed.set(identity, this.#now);
  }

  started(unit: string): void {
    this.#now += 1;
    this.#started.set(unit, this.#now);
    this.counts.set(unit, (this.counts.get(unit) ?? 0) + 1);
  }

  /** Another manifest is in force: what restarts on what goes by the ids of both. */
  follow({ scores }: Wish): void {
    const links = new Map<string, Link>();
    for (const to of scores.values()) {
      for (const on of to.sort === "service" ? to.restartOn : []) {
        const wanted = scores.get(on);
        const by = wanted === undefined ? null : identityOf(wanted);
        if (to.sort !== "service" || by === null) continue;
        const key = `${to.id} ${on} ${by}`;
        links.set(key, this.#links.get(key) ?? { unit: to.unit, by, since: this.#now });
      }
    }
    this.#links = links;
  }

  /** A unit that runs as it was before something changed that it restarts on; null where there is none. */
  missed(unit: string): string | null {
    for (const link of this.#links.values()) {
      if (link.unit !== unit) continue;
      const changed = this.#changed.get(link.by) ?? 0;
      const isMissed = changed > link.since && changed > (this.#started.get(unit) ?? 0);
      if (isMissed) return `${unit} runs as it was before the last change of ${link.by}`;
    }
    return null;
  }
}
