/** Somebody who wants systemd to have read all files of a unit. */
interface Wish {
  readonly unit: string;
  readonly granted: () => void;
  readonly refused: (error: unknown) => void;
}

export interface ReloadParts {
  /** Whether one of the units is held by older files. */
  readonly areOld: (units: readonly string[]) => Promise<boolean>;
  /** Has all unit files read again, and remembers which versions are read by that at least. */
  readonly reload: (units: readonly string[]) => Promise<void>;
}

/**
 * Reading all unit files again costs as much for one unit as for all, so the wishes that come together share one reload,
 * and those that come while one is under way wait for its end: it may have read their units too soon, or all right.
 */
export class SystemdReloads {
  readonly #parts: ReloadParts;
  #wishes: Wish[] = [];
  #isWorking = false;
  /** Whether enablement or a mask has changed since: systemd then calls every unit changed. */
  #isStale = false;

  constructor(parts: ReloadParts) {
    this.#parts = parts;
  }

  /** Enablement or a mask has been changed. */
  stale(): void {
    this.#isStale = true;
  }

  /** Somebody else had all unit files read again. */
  done(): void {
    this.#isStale = false;
  }

  wish(unit: string): Promise<void> {
    return new Promise((granted, refused) => {
      this.#wishes.push({ unit, granted, refused });
      if (!this.#isWorking) void this.#work();
    });
  }

  async #work(): Promise<void> {
    this.#isWorking = true;
    while (this.#wishes.length > 0) {
      await new Promise((resume) => setImmediate(resume));
      const wishes = this.#wishes;
      this.#wishes = [];
      await this.#grant(wishes.map(({ unit }) => unit)).then(
        () => wishes.forEach(({ granted }) => granted()),
        (error: unknown) => wishes.forEach(({ refused }) => refused(error)),
      );
    }
    this.#isWorking = false;
  }

  async #grant(units: readonly string[]): Promise<void> {
    if (!this.#isStale && !(await this.#parts.areOld(units))) return;
    this.#isStale = false;
    try {
      await this.#parts.reload(units);
    } catch (error) {
      this.#isStale = true;
      throw error;
    }
  }
}
