import { createHash } from "node:crypto";
import { readFileSync, rmSync } from "node:fs";
import { mkdir, open, rename } from "node:fs/promises";
import { join } from "node:path";
import * as z from "zod";
import { PortError } from "../../capabilities/port-error.ts";

const Attempt = z.object({ id: z.string(), attempt: z.number() });
const Before = z.object({
  text: z.string().nullable(),
  active: z.string().nullable(),
  mac: z.string(),
  mtu: z.number(),
  up: z.boolean(),
  addresses: z.array(z.string()).readonly(),
});
const BackEndName = z.enum(["NetworkManager", "systemd-networkd"]);

const Note = z.object({
  /** The profile as it was written last: a file with another hash has been changed by somebody. */
  stored: z.object({ id: z.string(), sha256: z.string() }).nullable(),
  /** The content by which the server was reached once. */
  confirmed: z.string().nullable(),
  rolledBack: Attempt.nullable(),
  /** On disk before anything is changed. `sha256`: of the file that is tried; null where it is tried without one. */
  trying: z
    .object({
      ...Attempt.shape,
      backEnd: BackEndName,
      token: z.string(),
      sha256: z.string().nullable(),
      before: Before,
    })
    .nullable(),
  /** What was there before Harmony's first profile: what its removal leads back to. */
  original: Before.nullable(),
});
export type Note = z.infer<typeof Note>;
export type Trying = NonNullable<Note["trying"]>;

const NOTHING: Note = { stored: null, confirmed: null, rolledBack: null, trying: null, original: null };

/** What has to be known of each interface across restarts of the agent: one small file each. */
export class NetworkNotes {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** A note that cannot be read is none: then a profile counts as somebody's change, and is confirmed anew. */
  read(name: string): Note {
    try {
      const read = z.safeParse(Note, JSON.parse(readFileSync(this.#path(name), "utf8")));
      return read.success ? read.data : NOTHING;
    } catch {
      return NOTHING;
    }
  }

  /** Resolves when it is on disk. */
  async write(name: string, note: Note): Promise<void> {
    const path = this.#path(name);
    try {
      await mkdir(this.#folder, { recursive: true, mode: 0o700 });
      const file = await open(`${path}.new`, "w", 0o600);
      try {
        await file.writeFile(JSON.stringify(note));
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(`${path}.new`, path);
      const folder = await open(this.#folder, "r");
      try {
        await folder.sync();
      } finally {
        await folder.close();
      }
    } catch (error) {
      throw new PortError(
        {
          code: "Failed",
          blame: "device",
          message: `The agent cannot keep its note at ${path}: ${error instanceof Error ? error.message : String(error)}.`,
          next: "See to it that the agent may write its state directory, and that there is space.",
        },
        { cause: error },
      );
    }
  }

  forget(name: string): void {
    rmSync(this.#path(name), { force: true });
  }

  #path(name: string): string {
    return join(this.#folder, `${name}.json`);
  }
}

export const sha256Of = (text: string | null): string | null =>
  text === null ? null : createHash("sha256").update(text).digest("hex");

/** Null where there is none. */
export function textOf(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return null;
  }
}
