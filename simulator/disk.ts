import * as z from "zod";
import type { Disk } from "../src/agent/disk.ts";
import { PortError } from "../src/capabilities/port-error.ts";
import type { Actor, World } from "./world.ts";

/** What a device's own directory holds; stays when the process dies. */
export class Files {
  readonly #files = new Map<string, Uint8Array>();
  /** Counts the writes that were tried. */
  writes = 0;
  isFull = false;
  /** Something of it was lost, so that nobody can know any more what the agent owned. */
  lostSomething = false;
  #owned: ReadonlyMap<string, ReadonlySet<string>> | null = null;

  get(name: string): Uint8Array | null {
    return this.#files.get(name) ?? null;
  }

  set(name: string, bytes: Uint8Array): void {
    this.#files.set(name, bytes);
    this.#owned = null;
  }

  lose(): void {
    this.#files.clear();
    this.#owned = null;
    this.lostSomething = true;
  }

  /** By identity, what is claimed with it: as somebody reads it who comes after a crash at this moment. */
  get owned(): ReadonlyMap<string, ReadonlySet<string>> {
    this.#owned ??= ownedIn(Buffer.from(this.get("journal.jsonl") ?? []).toString());
    return this.#owned;
  }
}

const Line = z.union([
  z.object({ own: z.object({ identity: z.string(), claims: z.array(z.string()) }) }),
  z.object({ disown: z.string() }),
]);

function ownedIn(journal: string): ReadonlyMap<string, ReadonlySet<string>> {
  const owned = new Map<string, ReadonlySet<string>>();
  for (const text of journal.split("\n")) {
    if (!text.startsWith('{"own"') && !text.startsWith('{"disown"')) continue;
    const line = Line.safeParse(parsed(text));
    if (!line.success) continue;
    if ("own" in line.data) owned.set(line.data.own.identity, new Set(line.data.own.claims));
    else owned.delete(line.data.disown);
  }
  return owned;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** How likely a write fails, with half of it done. */
const FAILS = 0.01;

/** The directory as one process works with it. What has not come about when the process dies is lost. */
export class ProcessDisk implements Disk {
  readonly #world: World;
  readonly #actor: Actor;
  readonly #files: Files;

  constructor(world: World, actor: Actor, files: Files) {
    this.#world = world;
    this.#actor = actor;
    this.#files = files;
  }

  read(name: string): Promise<Uint8Array | null> {
    return new Promise((resolve) => {
      this.#world.post(this.#actor, "work", `has read ${name}`, () => resolve(this.#files.get(name)));
    });
  }

  async space(): Promise<null> {
    return null;
  }

  replace(name: string, bytes: Uint8Array): Promise<void> {
    return this.#write(`replaces ${name}`, name, () => bytes);
  }

  append(name: string, bytes: Uint8Array): Promise<void> {
    return this.#write(`appends to ${name}`, name, (fraction) => {
      const before = this.#files.get(name) ?? new Uint8Array();
      // What follows the stump of a line begins on a line of its own, as on the real disk.
      const torn = before.length > 0 && before.at(-1) !== 0x0a ? [0x0a] : [];
      const kept = bytes.subarray(0, Math.floor(bytes.length * fraction));
      return kept.length === 0 ? before : Buffer.concat([before, Buffer.from(torn), kept]);
    });
  }

  #write(what: string, name: string, after: (fraction: number) => Uint8Array): Promise<void> {
    const { random } = this.#world;
    this.#files.writes += 1;
    return new Promise((resolve, reject) => {
      const fails = this.#files.isFull || this.#world.strikes(FAILS);
      // An append that fails, or that a crash cuts short, may leave a part; a replacement is all or nothing.
      const part = what.startsWith("appends") && random.chance(0.3) ? random.next() : 0;
      this.#world.post(
        this.#actor,
        "work",
        fails ? `${what}, which fails` : what,
        () => {
          if (fails) {
            if (part > 0) this.#files.set(name, after(part));
            reject(noSpace(name));
            return;
          }
          // The process has died meanwhile: of an append a part may be there.
          this.#files.set(name, after(this.#actor.alive || part === 0 ? 1 : part));
          this.#world.post(this.#actor, "work", `knows ${name} to be on disk`, resolve);
        },
        "at once",
      );
    });
  }
}

const noSpace = (name: string): PortError =>
  new PortError({
    code: "NoSpace",
    message: `${name} cannot be written: the disk is full`,
    blame: "device",
    next: "Nothing: the simulator did this.",
  });
