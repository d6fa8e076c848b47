import { type Actor, type Item, World } from "../world.ts";

/** A process that can be stopped for a while and continued, as by SIGSTOP and SIGCONT. */
export interface Pausable extends Actor {
  readonly held: (() => void)[];
  isPaused: boolean;
}

const isPausable = (actor: Actor): actor is Pausable => "isPaused" in actor;

/** A world in which a process may stand still while time goes on. What has left it comes about all the same. */
export class FailoverWorld extends World {
  override post(
    actor: Actor,
    sort: Item["sort"],
    what: string,
    run: () => void,
    outlives: Item["outlives"] = false,
  ): Item {
    if (outlives !== false || !isPausable(actor)) return super.post(actor, sort, what, run, outlives);
    const item: Item = super.post(actor, sort, what, () => {
      if (!actor.isPaused) run();
      else actor.held.push(() => item.cancelled || run());
    });
    return item;
  }

  pause(actor: Pausable): void {
    this.note(actor.name, "is stopped for a while");
    actor.isPaused = true;
  }

  /** In the order in which it came about: messages that had arrived go before timers that had rung, or after. */
  goesOn(actor: Pausable): void {
    this.note(actor.name, "is continued");
    actor.isPaused = false;
    for (const run of actor.held.splice(0)) super.post(actor, "work", "what waited goes on", run);
  }
}
