import type { PortTable } from "../../src/scores/attenuate.ts";
import { type ApplySurroundings, interpret, retire } from "../../src/scores/interpret.ts";
import type { Outcome } from "../../src/scores/outcome.ts";
import type { AnyScore } from "../../src/scores/score.ts";
import { FakeClock } from "../../src/testing/index.ts";

/** What the engine needs, undisturbed where nothing else is said. */
export const around = (ports: PortTable, changes: Partial<ApplySurroundings> = {}): ApplySurroundings => ({
  ports,
  clock: new FakeClock(),
  log: () => {},
  stop: new AbortController().signal,
  superseded: () => false,
  claim: () => Promise.resolve(),
  ...changes,
});

/** Interprets and retires with a ledger of its own, as an agent does. */
export class Device {
  readonly ports: PortTable;
  readonly claims = new Set<string>();

  constructor(ports: PortTable) {
    this.ports = ports;
  }

  async interpret(score: AnyScore): Promise<Outcome> {
    return interpret(score, this.#around());
  }

  async retire(score: AnyScore): Promise<Outcome> {
    return retire(score, new Set(this.claims), this.#around());
  }

  #around(): ApplySurroundings {
    const claim = async (claims: readonly string[]): Promise<void> => {
      for (const each of claims) this.claims.add(each);
    };
    return around(this.ports, { claim });
  }
}
