import { lstatSync, readFileSync } from "node:fs";
import type { Log } from "../../scores/context.ts";
import type { DevicePolicies } from "../../wire/device-policy.ts";
import type { AgentId } from "../../wire/keys.ts";
import {
  nameOf,
  type PolicyKeys,
  readSignedPolicy,
  SIGNED_LIMIT_BYTES,
  type TakenPolicy,
} from "../../wire/signed-policy.ts";
import type { Disk } from "../disk.ts";

/** The last one that was taken, in the agent's own directory, byte for byte. */
export const COPY = "signed-policy.json";

export interface SignedPolicyParts {
  readonly path: string;
  readonly keys: PolicyKeys;
  readonly agentId: AgentId;
  readonly disk: Disk;
  readonly now: () => Date;
  readonly log: Log;
}

/**
 * The policy that was signed for this device. Its file may come from anybody, by a Score as well: what counts is the
 * signature and the serial. Whoever takes the file away, or puts an older one there, changes nothing.
 */
export class SignedPolicyFile {
  readonly #parts: SignedPolicyParts;
  #taken: TakenPolicy | null;
  #refused: DevicePolicies["signed"];
  #seen = "";
  #current: Pick<DevicePolicies, "policies" | "signed"> | null = null;

  private constructor(parts: SignedPolicyParts, kept: TakenPolicy | null) {
    this.#parts = parts;
    this.#taken = kept;
  }

  /** Never rejects on account of the policy. */
  static async open(parts: SignedPolicyParts): Promise<SignedPolicyFile> {
    const copy = await parts.disk.read(COPY).catch(() => null);
    if (copy === null) return new SignedPolicyFile(parts, null);
    const { keys, agentId, log } = parts;
    const read = readSignedPolicy(copy, { keys, agentId, before: null, now: null });
    // Whom this device trusts is for its owner to say: what a former key has signed holds no more.
    if (read._tag === "Refused") log("the signed policy that was in force holds no more", { ...read.refusal });
    return new SignedPolicyFile(parts, read._tag === "Taken" ? read.policy : null);
  }

  /** The same object as long as nothing has changed. */
  readonly current = (): Pick<DevicePolicies, "policies" | "signed"> => {
    const stamp = this.#stamp();
    if (this.#current === null || stamp !== this.#seen) {
      this.#seen = stamp;
      if (stamp === "") this.#refused = undefined;
      else this.#take();
      const { serial = null, key = null } =
        this.#taken === null ? {} : { ...this.#taken.statement, key: this.#taken.key };
      this.#current = {
        policies: this.#taken === null ? [] : [{ name: nameOf(this.#taken), rules: this.#taken.statement.rules }],
        signed: { serial, key, refused: this.#refused?.refused ?? null },
      };
    }
    return this.#current;
  };

  #take(): void {
    const { keys, agentId, now, log, disk, path } = this.#parts;
    const read = readSignedPolicy(this.#bytes(), { keys, agentId, before: this.#taken, now: now() });
    if (read._tag === "Refused") {
      log("refused a signed policy; what is in force stays in force", { file: path, ...read.refusal });
      this.#refused = { serial: null, key: null, refused: read.refusal };
      return;
    }
    this.#refused = undefined;
    if (read.policy === this.#taken) return;
    this.#taken = read.policy;
    log("took a signed policy", { file: path, serial: read.policy.statement.serial, key: read.policy.key });
    disk
      .replace(COPY, read.policy.bytes)
      .catch((error: unknown) =>
        log("the signed policy could not be kept for the next start", { error: String(error) }),
      );
  }

  #bytes(): Uint8Array {
    try {
      return readFileSync(this.#parts.path);
    } catch (error) {
      return Buffer.from(error instanceof Error ? error.message : String(error));
    }
  }

  /** `""`: there is none. */
  #stamp(): string {
    try {
      const found = lstatSync(this.#parts.path, { bigint: true });
      // A pipe would never end, and what is too large is not read at all.
      if (!found.isFile() || found.size > SIGNED_LIMIT_BYTES) return "";
      return `${found.dev} ${found.ino} ${found.size} ${found.mtimeNs} ${found.ctimeNs}`;
    } catch {
      return "";
    }
  }
}
