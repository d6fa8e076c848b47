import { match } from "ts-pattern";
import type { Clock, Log } from "../scores/context.ts";
import { type AgentId, renewSubject } from "../wire/keys.ts";
import {
  askToConfirm,
  askToRenew,
  readRenewal,
  RenewalReply,
  type RenewalRequest,
  type Standing,
  writeRenewal,
} from "../wire/renewal.ts";
import type { UserKeyPair } from "../wire/nats/nkey.ts";
import type { Store, Unreachable } from "../wire/store.ts";
import type { Keyring } from "./keyring.ts";
import { nextStep } from "./renewal-steps.ts";
import type { KeyReport } from "./self-report.ts";

/** The server writes its configuration and reads it again before it answers. */
const ANSWER_MS = 30_000;
/** So often it is asked how the key stands, at least. */
const LOOK_MS = 6 * 3_600_000;
const FIRST_RETRY_MS = 1000;
const LAST_RETRY_MS = 3_600_000;
/** Of one renewal; more of them in a row is a fleet that cannot make up its mind. */
const MOST_STEPS = 6;

export interface RenewalParts {
  readonly agentId: AgentId;
  readonly store: Pick<Store, "request" | "onConnection">;
  readonly keyring: Keyring;
  /** Puts a connection with these credentials in the place of the one that is there. */
  readonly switchTo: (credsFile: string) => Promise<Unreachable | null>;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
}

type Answer =
  | RenewalReply
  /** Nobody answers at this server, or the agent may not ask. */
  | { readonly _tag: "Off"; readonly message: string }
  | { readonly _tag: "Unanswered"; readonly message: string };

/**
 * Has this device's key replaced by a new one before it ends: made here, asked for over the connection that is there,
 * tried, kept, and confirmed. It can be cut short between any two of these and goes on from there.
 */
export class Renewal {
  readonly #parts: RenewalParts;
  #report: KeyReport = { renewal: "unknown", notAfter: null, message: "the fleet was not asked yet" };
  #endings: (() => void)[] = [];
  #cancel = (): void => {};
  #isUnderWay = false;
  #isStopped = false;
  #failures = 0;
  /** The answer to the last word of a renewal may be lost: it is told when the fleet is seen to count on the new key. */
  #isConfirming = false;
  /** Drawn once for each key, so that a fleet that was enrolled in one day is not renewed in one minute. */
  #drawn: { readonly key: string; readonly random: number } | null = null;
  /** Called when the report is another one. */
  onNews: () => void = () => {};

  constructor(parts: RenewalParts) {
    this.#parts = parts;
  }

  get report(): KeyReport {
    return this.#report;
  }

  start(): void {
    this.#endings.push(
      this.#parts.store.onConnection((state) => {
        if (state === "connected") void this.#round();
      }),
    );
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancel();
    for (const end of this.#endings.splice(0)) end();
  }

  /** Never rejects. */
  async #round(): Promise<void> {
    if (this.#isUnderWay || this.#isStopped) return;
    this.#isUnderWay = true;
    this.#cancel();
    const waitMs = await this.#goOn().catch((error: unknown) =>
      this.#failed(`the new key cannot be kept: ${error instanceof Error ? error.message : String(error)}`),
    );
    this.#isUnderWay = false;
    if (!this.#isStopped) this.#cancel = this.#parts.clock.after(waitMs, () => void this.#round());
  }

  /** Milliseconds until it is to be looked at again. */
  async #goOn(): Promise<number> {
    let answer = await this.#ask({ ask: "look" });
    for (let steps = 0; steps < MOST_STEPS; steps += 1) {
      if (answer._tag === "Off") return this.#isOff(answer.message);
      if (answer._tag !== "Standing") return this.#failed(answer.message);
      const next = await this.#step(answer);
      if (typeof next === "number") return next;
      answer = next;
    }
    return this.#failed("the fleet's answers lead nowhere");
  }

  async #step(standing: Standing): Promise<Answer | number> {
    const { agentId, keyring, switchTo, log } = this.#parts;
    return match(nextStep(standing, keyring, this.#randomOf(standing)))
      .returnType<Promise<Answer | number>>()
      .with({ _tag: "Wait" }, async ({ ms }) => {
        this.#failures = 0;
        if (this.#isConfirming) log("the key was renewed", { notAfter: standing.notAfter, key: standing.key });
        this.#isConfirming = false;
        this.#tell(
          standing.notAfter === null
            ? { renewal: "none", notAfter: null, message: "the key has no end" }
            : { renewal: "on", notAfter: standing.notAfter, message: "renewed before it ends" },
        );
        return Math.min(ms, LOOK_MS);
      })
      .with({ _tag: "Renew" }, async ({ from }) => {
        if (keyring.current.publicKey !== from.publicKey) return this.#letInAgain(from, standing);
        // On the disk before anybody hears of it.
        const to = await keyring.makeNext();
        return this.#ask(askToRenew(agentId, from, to, standing.challenge));
      })
      .with({ _tag: "Switch" }, async ({ to }) => {
        const trouble = await switchTo(keyring.credentialsOf(to));
        if (trouble !== null) return this.#failed(`the new key does not work: ${trouble.message}`);
        const seen = await this.#ask({ ask: "look" });
        if (seen._tag !== "Standing") return seen;
        await keyring.advance();
        return seen;
      })
      .with({ _tag: "Adopt" }, async ({ to }) => {
        await keyring.advance();
        // The connection may be one of the key that has ended.
        await switchTo(keyring.credentialsOf(to));
        this.#isConfirming = true;
        return this.#ask({ ask: "look" });
      })
      .with({ _tag: "Confirm" }, async ({ key }) => {
        this.#isConfirming = true;
        return this.#ask(askToConfirm(agentId, key, standing.challenge));
      })
      .with({ _tag: "Stranger" }, async () =>
        this.#failed("the fleet knows another key of this agent than this device has; enrol it anew"),
      )
      .exhaustive();
  }

  /** The fleet knows the key before alone, and the present one is asked for by it. It ends with that: so not over its connection. */
  async #letInAgain(former: UserKeyPair, { challenge }: Standing): Promise<Answer> {
    const { agentId, keyring, switchTo } = this.#parts;
    const answer = await this.#ask(askToRenew(agentId, former, keyring.current, challenge));
    if (answer._tag !== "Standing") return answer;
    const trouble = await switchTo(keyring.credentialsOf(keyring.current));
    return trouble === null ? answer : { _tag: "Unanswered", message: trouble.message };
  }

  async #ask(request: RenewalRequest): Promise<Answer> {
    const { store, agentId } = this.#parts;
    const reply = await store.request(renewSubject(agentId), writeRenewal(request), { timeoutMs: ANSWER_MS });
    if (reply._tag === "NobodyThere") {
      return { _tag: "Off", message: "nobody at this server renews keys: harmony fleet serve does" };
    }
    if (reply._tag === "Unreachable") {
      return reply.reason === "Denied"
        ? { _tag: "Off", message: `this server does not let the agent ask: ${reply.message}` }
        : { _tag: "Unanswered", message: reply.message };
    }
    const read = readRenewal(RenewalReply, reply.value);
    return read ?? { _tag: "Unanswered", message: "the fleet's answer is not understood" };
  }

  #isOff(message: string): number {
    this.#tell({ renewal: "off", notAfter: null, message });
    // A server that has just started, and whose fleet is about to answer, looks like this too.
    return this.#pause(LOOK_MS);
  }

  #failed(message: string): number {
    this.#tell({ ...this.#report, renewal: "failing", message });
    return this.#pause(LAST_RETRY_MS);
  }

  #pause(longestMs: number): number {
    const pause = Math.min(FIRST_RETRY_MS * 2 ** Math.min(this.#failures, 20), longestMs);
    this.#failures += 1;
    return pause * (0.5 + this.#parts.random() / 2);
  }

  #randomOf({ key }: Standing): number {
    if (this.#drawn?.key !== key) this.#drawn = { key, random: this.#parts.random() };
    return this.#drawn.random;
  }

  #tell(report: KeyReport): void {
    if (JSON.stringify(report) === JSON.stringify(this.#report)) return;
    const isNews = report.message !== this.#report.message;
    this.#report = report;
    if (isNews) this.#parts.log(`renewal of the key: ${report.message}`, { notAfter: report.notAfter });
    this.onNews();
  }
}
