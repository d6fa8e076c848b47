import fs from "node:fs";
import type { Attributes } from "../../capabilities/file-system-host.ts";
import { PortError } from "../../capabilities/port-error.ts";
import { asPortError, invalid } from "./file-system-errors.ts";
import type { RootedDirectories } from "./rooted-directories.ts";

const { O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = fs.constants;

/** The numbers that {@link Attributes} stand for. */
export interface Wanted {
  readonly mode: number | undefined;
  readonly uid: number | undefined;
  readonly gid: number | undefined;
}

interface Source {
  readonly at: string;
  readonly stats: fs.Stats | undefined;
  readonly flag: number;
}

/** One of the two account files, read again only when it has changed. */
class Accounts {
  readonly #directories: RootedDirectories;
  readonly #file: string;
  #stamp: string | undefined;
  #slice: number | undefined;
  #names: ReadonlyMap<number, string> = new Map();
  #ids: ReadonlyMap<string, number> = new Map();

  constructor(directories: RootedDirectories, file: "passwd" | "group") {
    this.#directories = directories;
    this.#file = file;
  }

  name(id: number): string {
    this.#refresh();
    return this.#names.get(id) ?? String(id);
  }

  id(name: string): number | undefined {
    this.#refresh();
    return this.#ids.get(name);
  }

  #refresh(): void {
    const { slice } = this.#directories;
    if (slice === this.#slice) return;
    try {
      this.#refreshFrom(this.#source());
    } catch (error) {
      throw asPortError(error, "Reading", `/etc/${this.#file}`);
    }
    this.#slice = slice;
  }

  /** The file inside the root where the root has one, else the host's own. */
  #source(): Source {
    const etc = this.#directories.open("/etc");
    if (etc._tag === "Directory") {
      const at = etc.prefix + this.#file;
      const stats = fs.lstatSync(at, { throwIfNoEntry: false });
      if (stats?.isFile() === true) return { at, stats, flag: O_RDONLY | O_NOFOLLOW | O_NONBLOCK };
    }
    const at = `/etc/${this.#file}`;
    return { at, stats: fs.statSync(at, { throwIfNoEntry: false }), flag: O_RDONLY };
  }

  #refreshFrom({ at, stats, flag }: Source): void {
    const stamp = stats && [stats.dev, stats.ino, stats.size, stats.mtimeMs, stats.ctimeMs].join(" ");
    if (stamp !== undefined && stamp === this.#stamp) return;
    const text = stats === undefined ? "" : readText(at, flag);
    const names = new Map<number, string>();
    const ids = new Map<string, number>();
    for (const line of text.split("\n")) {
      const [name = "", , digits = ""] = line.split(":");
      if (name === "" || !/^\d+$/.test(digits)) continue;
      const id = Number(digits);
      // The first line wins, as it does for the system's own lookups.
      if (!names.has(id)) names.set(id, name);
      if (!ids.has(name)) ids.set(name, id);
    }
    this.#names = names;
    this.#ids = ids;
    this.#stamp = stamp;
  }
}

function readText(at: string, flag: number): string {
  const fd = fs.openSync(at, flag);
  try {
    return fs.readFileSync(fd, "utf8");
  } finally {
    fs.closeSync(fd);
  }
}

/** The largest number that an owner can have; the next one means "unchanged" to the system. */
const ID_MAX = 0xffff_fffe;

/** Translates between the names and the numbers of owners and groups, by /etc/passwd and /etc/group alone. */
export class AccountNames {
  readonly #users: Accounts;
  readonly #groups: Accounts;

  constructor(directories: RootedDirectories) {
    this.#users = new Accounts(directories, "passwd");
    this.#groups = new Accounts(directories, "group");
  }

  user(uid: number): string {
    return this.#users.name(uid);
  }

  group(gid: number): string {
    return this.#groups.name(gid);
  }

  /** Refuses (`Invalid`) a mode that is not four octal digits, and an owner or group that the host does not know. */
  wanted({ mode, owner, group }: Attributes): Wanted {
    if (mode !== undefined && !/^[0-7]{4}$/.test(mode)) {
      throw invalid(`The mode ${JSON.stringify(mode)} is not four octal digits.`, 'Write the mode as in "0644".');
    }
    return {
      mode: mode === undefined ? undefined : Number.parseInt(mode, 8),
      uid: owner === undefined ? undefined : idOf(this.#users, "user", owner),
      gid: group === undefined ? undefined : idOf(this.#groups, "group", group),
    };
  }
}

function idOf(accounts: Accounts, sort: "user" | "group", name: string): number {
  const id = /^\d+$/.test(name) ? Number(name) : accounts.id(name);
  if (id !== undefined && id <= ID_MAX) return id;
  throw new PortError({
    code: "Invalid",
    blame: "author",
    message: `The host knows no ${sort} ${JSON.stringify(name)}.`,
    // Unlike other invalid input this can come right by itself: a package that is installed later may bring the account.
    next: `Create the ${sort} before this Score runs, name one that exists, or give its number.`,
  });
}
