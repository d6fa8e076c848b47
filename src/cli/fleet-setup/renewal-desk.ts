import { randomBytes } from "node:crypto";
import { match } from "ts-pattern";
import type { AgentId } from "../../wire/keys.ts";
import {
  isGenuine,
  readRenewal,
  type RenewalRefusal,
  type RenewalReply,
  RenewalRequest,
  writeRenewal,
} from "../../wire/renewal.ts";
import type { FleetDescription } from "./description.ts";
import { confirm, renew, type Renewed } from "./renewing.ts";

/** A challenge is good for so long. */
const FRESH_MS = 60_000;
/** Requests that wait for the server to read its configuration; whoever comes beyond these asks again. */
const MOST_WAITING = 1000;

export interface DeskParts {
  readonly read: () => Promise<FleetDescription | { readonly message: string }>;
  /**
   * Changes the description by `work` while nobody else does, and has the server work with it; a message: it could not, and
   * the change may have been written all the same.
   */
  readonly change: (
    work: (fleet: FleetDescription) => Worked,
  ) => Promise<FleetDescription | { readonly message: string }>;
  readonly now: () => Date;
  readonly say: (line: string) => void;
}
/** Null: nothing is to be written. */
export type Worked = Extract<Renewed, { readonly _tag: "Changed" }> | null;

type Signed = Exclude<RenewalRequest, { readonly ask: "look" }>;
interface Waiting {
  readonly id: AgentId;
  readonly request: Signed;
  readonly answer: (reply: RenewalRefusal | FleetDescription) => void;
}

/**
 * Where agents have their keys renewed. Those that come while the server reads its configuration are taken together after
 * that, so that a fleet in step costs it a few readings and not thousands.
 */
export class RenewalDesk {
  readonly #parts: DeskParts;
  readonly #challenges = new Map<AgentId, { readonly text: string; readonly until: number }>();
  #waiting: Waiting[] = [];
  #isChanging = false;

  constructor(parts: DeskParts) {
    this.#parts = parts;
  }

  readonly handle = async (id: AgentId, bytes: Uint8Array): Promise<Uint8Array> =>
    writeRenewal(await this.#reply(id, bytes));

  async #reply(id: AgentId, bytes: Uint8Array): Promise<RenewalReply> {
    const request = readRenewal(RenewalRequest, bytes);
    if (request === null) return refused("Malformed", "this is no request that this version knows");
    if (request.ask === "look") {
      const fleet = await this.#parts.read();
      return "message" in fleet ? refused("Failed", fleet.message) : this.#standing(fleet, id);
    }
    const asked = this.#challenges.get(id);
    // Good for one request, whatever becomes of it.
    this.#challenges.delete(id);
    if (asked?.text !== request.challenge || asked.until < this.#parts.now().getTime()) {
      return refused("Stale", "the challenge is not the last one that was given, or too old: look again");
    }
    if (!isGenuine(id, request)) {
      this.#parts.say(`A request to renew the key of ${id} is not signed as it has to be, and was refused.`);
      return refused("BadSignature", "it is not signed by every key that it names");
    }
    if (this.#waiting.length >= MOST_WAITING) return refused("Failed", "too many ask at once: ask again");
    const outcome = await new Promise<RenewalRefusal | FleetDescription>((answer) => {
      this.#waiting.push({ id, request, answer });
      void this.#work();
    });
    return "_tag" in outcome ? outcome : this.#standing(outcome, id);
  }

  #standing(fleet: FleetDescription, id: AgentId): RenewalReply {
    const member = fleet.agents[id];
    if (member === undefined) return refused("NotIn", `${id} does not belong to this fleet`);
    const now = this.#parts.now();
    const challenge = randomBytes(24).toString("base64url");
    this.#challenges.set(id, { text: challenge, until: now.getTime() + FRESH_MS });
    return {
      _tag: "Standing",
      key: member.key,
      next: member.next?.key ?? null,
      since: member.since ?? member.acceptedAt,
      notAfter: member.notAfter ?? null,
      now: now.toISOString(),
      challenge,
    };
  }

  async #work(): Promise<void> {
    if (this.#isChanging) return;
    this.#isChanging = true;
    while (this.#waiting.length > 0) {
      const all = this.#waiting;
      this.#waiting = [];
      const refusals = new Map<Waiting, RenewalRefusal>();
      const changed = await this.#parts.change((fleet) => {
        refusals.clear();
        return this.#takeAll(fleet, all, refusals);
      });
      for (const each of all) {
        each.answer(
          refusals.get(each) ?? ("message" in changed ? refused("Failed", `${changed.message}: ask again`) : changed),
        );
      }
    }
    this.#isChanging = false;
  }

  #takeAll(before: FleetDescription, all: readonly Waiting[], refusals: Map<Waiting, RenewalRefusal>): Worked {
    let fleet = before;
    const out: Extract<Renewed, { readonly _tag: "Changed" }>["out"][number][] = [];
    for (const each of all) {
      const { id, request } = each;
      const renewed =
        request.ask === "renew" ? renew(fleet, id, request, this.#parts.now()) : confirm(fleet, id, request.key);
      match(renewed)
        .with({ _tag: "Refused" }, (refusal) => void refusals.set(each, refusal))
        .with({ _tag: "Unchanged" }, () => {})
        .with({ _tag: "Changed" }, (changed) => {
          fleet = changed.fleet;
          out.push(...changed.out);
          this.#parts.say(
            request.ask === "renew"
              ? `${id} has a next key, which is let in beside the present one.`
              : `${id} has renewed its key; the former one has ended.`,
          );
        })
        .exhaustive();
    }
    return fleet === before ? null : { _tag: "Changed", fleet, out };
  }
}

const refused = (reason: RenewalRefusal["reason"], message: string): RenewalRefusal => ({
  _tag: "Refused",
  reason,
  message,
});
