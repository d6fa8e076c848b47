import { invalid } from "./fake-port-errors.ts";

/** The users or the groups of a fake host. */
export class FakeAccounts {
  readonly #sort: "user" | "group";
  readonly #ids: ReadonlyMap<string, number>;

  constructor(sort: "user" | "group", ids: Readonly<Record<string, number>>) {
    this.#sort = sort;
    this.#ids = new Map(Object.entries(ids));
  }

  nameOf(id: number): string {
    for (const [name, known] of this.#ids) if (known === id) return name;
    return String(id);
  }

  /** The number of a name, or of a number in decimal; refuses a name that the host does not know. */
  idOf(name: string): number {
    const id = /^\d+$/.test(name) ? Number(name) : this.#ids.get(name);
    if (id !== undefined && id < 0xffff_ffff) return id;
    throw invalid(`The host knows no ${this.#sort} ${JSON.stringify(name)}.`, { retryable: true });
  }
}
