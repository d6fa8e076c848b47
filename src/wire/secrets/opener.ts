import { createHash } from "node:crypto";
import { holdsAny } from "../../scores/redaction.ts";
import { cannotOpen, type SecretRef, type Secrets, useAndWipe } from "../../scores/secret.ts";
import type { AgentId } from "../keys.ts";
import type { ScoreRefusal } from "../refusal.ts";
import { type OwnKeys, type SealedForAll, type SealedSecrets, type Unsealed, unseal, versionOf } from "./sealed.ts";

/** A Score is given a secret. Never what it is. */
export interface SecretUse {
  readonly scoreId: string;
  readonly secret: string;
}

export interface OpenerParts {
  readonly agentId: AgentId;
  /** Read anew each time, since keys are made while an agent runs. */
  readonly keys: () => OwnKeys;
  /** Called before a Score is given one; where it rejects, the Score is not. A look that only compares is none. */
  readonly onUse?: ((use: SecretUse) => Promise<void>) | undefined;
}

/** Opens what is sealed for this device, for the Scores that refer to it. */
export class Opener {
  readonly #parts: OpenerParts;

  constructor(parts: OpenerParts) {
    this.#parts = parts;
  }

  /** Why a Score that refers to these secrets cannot be taken; null where all of them can be opened. */
  refusal(names: readonly string[], sealed: SealedSecrets = {}): ScoreRefusal | null {
    for (const name of names) {
      const given = sealed[name];
      if (given === undefined) {
        return { reason: "SecretMissing", message: `the secret "${name}" was not shipped with the manifest` };
      }
      const opened = this.#open(name, given);
      switch (opened._tag) {
        case "Opened":
          opened.bytes.fill(0);
          break;
        case "NotForThisDevice":
          return { reason: "SecretNotForThisDevice", message: this.#otherKeys(name, given) };
        case "Damaged":
          return {
            reason: "SecretDamaged",
            message: `the secret "${name}" is damaged, or was sealed under another name or for another agent`,
          };
      }
    }
    return null;
  }

  /** The secrets that travel with one Score. */
  of(scoreId: string, sealed: SealedSecrets = {}): Secrets {
    const { onUse } = this.#parts;
    const open = ({ secret: name }: SecretRef): Buffer | null => {
      const given = sealed[name];
      const opened = given === undefined ? null : this.#open(name, given);
      return opened?._tag === "Opened" ? opened.bytes : null;
    };
    return {
      opens: (ref) => {
        const bytes = open(ref);
        bytes?.fill(0);
        return bytes !== null;
      },
      matches: (ref, sha256) => {
        if (sha256 === null) return false;
        const bytes = open(ref);
        if (bytes === null) return false;
        const found = createHash("sha256").update(bytes).digest("hex");
        bytes.fill(0);
        return found === sha256;
      },
      version: ({ secret: name }) => versionOf(sealed[name]),
      use: async (ref, work) => {
        const bytes = open(ref);
        if (bytes === null) throw cannotOpen(ref);
        return useAndWipe(bytes, async (held) => {
          await onUse?.({ scoreId, secret: ref.secret });
          return work(held);
        });
      },
    };
  }

  /**
   * Those that are text, so that they can be taken out of what is told. Nobody is given them, so it is no use of them. Whoever asks
   * lets go of them soon.
   */
  texts(sealed: SealedSecrets = {}): readonly string[] {
    return Object.entries(sealed).flatMap(([name, given]) => {
      const opened = this.#open(name, given);
      if (opened._tag !== "Opened") return [];
      try {
        return [new TextDecoder("utf-8", { fatal: true }).decode(opened.bytes)];
      } catch {
        return [];
      } finally {
        opened.bytes.fill(0);
      }
    });
  }

  /** Whether one of these secrets stands in the text. No Score is given it, so it is no use of one. */
  isIn(text: string, sealed: SealedSecrets = {}): boolean {
    return Object.entries(sealed).some(([name, given]) => {
      const opened = this.#open(name, given);
      if (opened._tag !== "Opened") return false;
      const { bytes } = opened;
      const [asText, asBase64] = [bytes.toString("utf8").trim(), bytes.toString("base64")];
      bytes.fill(0);
      return holdsAny(text, [asText, asBase64]);
    });
  }

  #open(name: string, sealed: SealedForAll): Unsealed {
    const { agentId, keys } = this.#parts;
    return unseal(sealed, keys(), { agentId, name });
  }

  #otherKeys(name: string, sealed: SealedForAll): string {
    const own = [...this.#parts.keys().keys()];
    const has = own.length === 0 ? "this device has no key" : `this device has ${own.join(", ")}`;
    return `the secret "${name}" is sealed for the key ${sealed.map(({ key }) => key).join(", ")}; ${has}`;
  }
}
