import type { Accepted, Resource } from "./resource.ts";
import type { Workers } from "./workers.ts";

/** Whose turn it is: in order, and with what may go on beside what is under way. */
export class Turns {
  readonly #workers: Workers;
  /** By id. */
  readonly #resources: ReadonlyMap<string, Resource>;
  /** How many are worked on that may go together, which are all of one kind. */
  #together = 0;
  #kind = "";
  #isHeldUp = false;
  #order: readonly string[] = [];
  #round: Iterator<string> = [].values();

  constructor(workers: Workers, resources: ReadonlyMap<string, Resource>) {
    this.#workers = workers;
    this.#resources = resources;
  }

  /** From now on in this order of ids. */
  follow(order: readonly string[]): void {
    this.#order = order;
    this.#round = [].values();
  }

  /** Whether a Score is due that waits for nothing but the end of what goes together. */
  get isHeldUp(): boolean {
    return this.#isHeldUp;
  }

  /** The next Score that is due and may begin: a round goes through the whole order, and begins anew while there is any. */
  next(): Resource | undefined {
    this.#isHeldUp = false;
    for (let rounds = 0; rounds < 2; rounds += 1) {
      for (let step = this.#round.next(); step.done !== true; step = this.#round.next()) {
        const resource = this.#resources.get(step.value);
        if (resource === undefined || resource.due === null) continue;
        if (this.#together > 0 && kindOf(resource) !== this.#kind) {
          // Nothing overtakes it, so that the next look goes through the order from its beginning.
          this.#round = [].values();
          this.#isHeldUp = true;
          return undefined;
        }
        if (this.#mayBegin(resource)) return resource;
      }
      this.#round = this.#order.values();
    }
    return undefined;
  }

  /**
   * The work on it waits for something. Gives what the next Score has to wait for, where it has to. `firstMs`: how long
   * another removal may take that goes first.
   */
  begun(resource: Resource, looking: Promise<void>, firstMs = 0): Promise<void> | undefined {
    const { id, decoded } = resource;
    if (decoded._tag === "Refused") return looking;
    const { turns, everPauses, deadlineMs } = decoded.score.bind();
    const free = this.#workers.begin(
      {
        keys: [id, decoded.identity],
        lane: turns === "lane" ? laneOf(decoded) : null,
        mayGather: everPauses,
        isStale: () => this.#resources.get(id) !== resource,
        deadlineMs: firstMs + deadlineMs,
      },
      looking,
    );
    if (turns !== "together") return turns === "in-order" ? free : undefined;
    this.#kind = kindOf(resource);
    this.#together += 1;
    // Before the reconciler hears that it has ended.
    void free.then(() => (this.#together -= 1));
    return undefined;
  }

  #mayBegin({ id, decoded }: Resource): boolean {
    if (decoded._tag === "Refused") return true;
    // What they come to is known soon; to call it Blocked for so long would be noise.
    for (const on of decoded.after) {
      if (this.#workers.isBusy(on) || (this.#resources.get(on)?.due ?? null) !== null) return false;
    }
    if (this.#workers.size === 0) return true;
    if (this.#workers.isBusy(id) || this.#workers.isBusy(decoded.identity)) return false;
    const { turns } = decoded.score.bind();
    if (turns === "in-order") return true;
    return this.#workers.hasRoom && !(turns === "lane" && this.#workers.isLaneBusy(laneOf(decoded)));
  }
}

const kindOf = ({ status }: Resource): string => status.kind;

const laneOf = ({ score }: Accepted): string => score.requires[0]?.name ?? "";
