import { makeAgent } from "../bundle/make-agent.ts";
import type { Session } from "../session.ts";
import { stampOf } from "./saves.ts";

/** The agent of `dev` where it is to know kinds of the author's own. */
export class OwnAgent {
  readonly #session: Session;
  readonly #file: string;
  /** Where it is built; absolute. */
  readonly program: string;
  #inputs: readonly string[] = [];
  #stamps = "";

  constructor(session: Session, file: string, program: string) {
    this.#session = session;
    this.#file = file;
    this.program = program;
  }

  /** All files that it was built of. */
  get inputs(): readonly string[] {
    return this.#inputs;
  }

  /** Builds it; false where that could not be done, which has been told, and the one from before is there still. */
  async build(): Promise<boolean> {
    const made = await makeAgent(this.#session, { file: this.#file, output: this.program, check: false });
    if (typeof made === "number") return false;
    this.#inputs = made.inputs;
    this.#stamps = stampsOf(made.inputs);
    return true;
  }

  /** Whether a file that it was built of has been saved since. */
  get isStale(): boolean {
    return stampsOf(this.#inputs) !== this.#stamps;
  }
}

const stampsOf = (files: readonly string[]): string => files.map(stampOf).join();
