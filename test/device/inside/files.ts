import { execFileSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname } from "node:path";
import { setImmediate } from "node:timers/promises";
import { NodeFileSystem } from "../../../src/agent/adapters/node-file-system.ts";
import { directoryWorld } from "../../../src/testing/directory-world.ts";
import type { FakeEntry, FakeTreeEntry } from "../../../src/testing/fake-file-system.ts";
import { type Entries, type EntryChange, GROUPS, USERS } from "../../../src/testing/file-system-world.ts";
import { fileAssets, fileWorld } from "../../../src/testing/file-world.ts";
import type { Place, World } from "../../../src/testing/world.ts";
import { keep } from "./keep.ts";

/** Puts File and Directory to their contract on the disk of this machine. The first argument: how many cases. */

const ALICE = "alice";
const textOf = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

const numberOf = (name: string | undefined, known: Readonly<Record<string, number>>): number =>
  name === undefined ? 0 : (known[name] ?? Number(name));
const nameOf = (id: number, known: Readonly<Record<string, number>>): string =>
  Object.keys(known).find((name) => known[name] === id) ?? String(id);

/** Puts an entry in the place of whatever stands there; a directory that is there already keeps what is in it. */
function put(root: string, path: string, entry: FakeEntry): void {
  const parts = path.split("/").slice(1);
  for (const depth of parts.keys()) {
    const at = `${root}/${parts.slice(0, depth + 1).join("/")}`;
    const there = lstatSync(at, { throwIfNoEntry: false });
    const isLast = depth === parts.length - 1;
    if (there?.isDirectory() === true && (!isLast || entry.type === "directory")) continue;
    rmSync(at, { recursive: true, force: true });
    if (isLast && entry.type !== "directory") continue;
    mkdirSync(at);
    chmodSync(at, 0o755);
  }
  const at = `${root}${path}`;
  if (entry.type === "link") return symlinkSync(entry.target, at);
  if (entry.type === "special") return void execFileSync("mkfifo", [at]);
  if (entry.type === "file") writeFileSync(at, "text" in entry ? entry.text : entry.bytes);
  // In this order, because a change of the owner takes the bits from a file that would let it run as somebody else.
  chownSync(at, numberOf(entry.owner, USERS), numberOf(entry.group, GROUPS));
  chmodSync(at, Number.parseInt(entry.mode ?? (entry.type === "file" ? "0644" : "0755"), 8));
}

function shown(at: string): FakeTreeEntry {
  const stat = lstatSync(at);
  if (stat.isSymbolicLink()) return { type: "link", target: readlinkSync(at) };
  if (!stat.isFile() && !stat.isDirectory()) return { type: "special" };
  const mode = (stat.mode & 0o7777).toString(8).padStart(4, "0");
  const owned = { mode, owner: nameOf(stat.uid, USERS), group: nameOf(stat.gid, GROUPS) };
  if (stat.isDirectory()) return { type: "directory", ...owned };
  const bytes = new Uint8Array(readFileSync(at));
  try {
    return { type: "file", ...owned, text: textOf.decode(bytes) };
  } catch {
    return { type: "file", ...owned, bytes };
  }
}

/** All there is beneath a directory. Node's own recursive reading goes through links. */
function* under(at: string): Generator<string> {
  for (const entry of readdirSync(at, { withFileTypes: true })) {
    const path = `${at}/${entry.name}`;
    yield path;
    if (entry.isDirectory()) yield* under(path);
  }
}

function open(entries: Entries): Place<EntryChange, FakeTreeEntry> {
  const root = mkdtempSync("/srv/files-");
  for (const [path, entry] of Object.entries(entries)) put(root, path, entry);
  const files = new NodeFileSystem({ root });
  return {
    ports: { FileSystemHost: files },
    assets: fileAssets(),
    snapshot() {
      return Object.fromEntries([...under(root)].toSorted().map((path) => [path.slice(root.length), shown(path)]));
    },
    async change(change) {
      if ("put" in change) put(root, change.put, change.entry);
      // What is on the way to it may be no directory.
      else if (lstatSync(dirname(`${root}${change.take}`), { throwIfNoEntry: false })?.isDirectory() === true) {
        rmSync(`${root}${change.take}`, { recursive: true, force: true });
      }
      // In one turn of the event loop the directories that were entered stay those that are looked at.
      await setImmediate();
    },
    close() {
      files.close();
      rmSync(root, { recursive: true, force: true });
    },
  };
}

execFileSync("useradd", ["--uid", String(USERS[ALICE]), "--no-user-group", "--no-create-home", ALICE]);
const [, , runs = "1"] = process.argv;
const worlds: readonly World[] = [
  { ...fileWorld, open },
  { ...directoryWorld, open },
];
for (const world of worlds) await keep(world, { runs: () => Number(runs), faults: 100 });
