import { readFileSync } from "node:fs";
import type { Log } from "../../scores/context.ts";
import { type DevicePolicies, type DevicePolicy, type ReadPolicy, readPolicy } from "../../wire/device-policy.ts";
import type { Disk } from "../disk.ts";
import { stampOf } from "./file-stamp.ts";

/** What was read well the last time, in the agent's own directory. */
const COPY = "policy.json";

export interface PolicyFileParts {
  readonly path: string;
  readonly reserved: DevicePolicies["reserved"];
  readonly disk: Disk;
  readonly log: Log;
}

/**
 * The policy of a device, from its file, which is looked at whenever it is asked for. While it cannot be read, the one before
 * goes on holding for what runs, also after a restart, and nothing new is taken: a typing error opens nothing.
 */
export class PolicyFile {
  readonly #parts: PolicyFileParts;
  #current: DevicePolicies;
  #seen: string;

  private constructor(parts: PolicyFileParts, before: DevicePolicy | null) {
    this.#parts = parts;
    this.#seen = stampOf(this.#parts.path);
    // Without one before it, nobody knows what was allowed.
    this.#current = this.#policies(before ?? { kinds: [] }, null);
    this.#take(this.#read());
  }

  /** Never rejects on account of the policy: that it cannot be read is told in the status. */
  static async open(parts: PolicyFileParts): Promise<PolicyFile> {
    const copy = await parts.disk.read(COPY).catch(() => null);
    const before = copy === null ? null : readPolicy(copy);
    return new PolicyFile(parts, before?._tag === "Policy" ? before.rules : null);
  }

  /** The same object as long as nothing has changed. */
  readonly current = (): DevicePolicies => {
    const stamp = stampOf(this.#parts.path);
    if (stamp !== this.#seen) {
      this.#seen = stamp;
      this.#take(this.#read());
    }
    return this.#current;
  };

  #take(read: ReadPolicy): void {
    const { path, log, disk } = this.#parts;
    if (read._tag === "Unusable") {
      log("the policy cannot be used: nothing new is taken, and what runs goes on", { file: path, why: read.message });
      this.#current = { ...this.#current, unreadable: `${path}: ${read.message}` };
      return;
    }
    this.#current = this.#policies(read.rules, null);
    log("the policy was read", { file: path, rules: Object.keys(read.rules) });
    const copied = disk.replace(COPY, Buffer.from(JSON.stringify(read.rules)));
    copied.catch((error: unknown) => log("the policy could not be kept for the next start", { error: String(error) }));
  }

  #policies(rules: DevicePolicy, unreadable: string | null): DevicePolicies {
    const { reserved, path } = this.#parts;
    return { reserved, policies: [{ name: path, rules }], unreadable };
  }

  #read(): ReadPolicy {
    try {
      return readPolicy(readFileSync(this.#parts.path));
    } catch (error) {
      return { _tag: "Unusable", message: error instanceof Error ? error.message : String(error) };
    }
  }
}
