import { execFileSync } from "node:child_process";
import fs from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { NodeFileSystem, type NodeFileSystemOptions } from "../../../src/agent/adapters/node-file-system.ts";
import type { FakeEntry, FakeTreeEntry } from "../../../src/testing/fake-file-system.ts";
import { GROUPS, USERS, turn, type Stage } from "./stage.ts";

export const AGENT_IS_ROOT = process.geteuid?.() === 0;

/** An adapter on a fresh directory of this machine, and what somebody else could do there with the ordinary calls. */
export interface RealStage extends Stage {
  readonly host: NodeFileSystem;
  /** The directory on this machine that is the root of the host. */
  readonly root: string;
  /** A directory beside the root, which the host must never touch. */
  readonly outside: string;
}

const me = { user: process.geteuid?.() ?? 0, group: process.getegid?.() ?? 0 };

export function realStage(options: Omit<NodeFileSystemOptions, "root"> = {}): RealStage {
  const base = fs.realpathSync(fs.mkdtempSync(path.join(tmpdir(), "harmony-fs-")));
  fs.chmodSync(base, 0o755);
  const [root, outside] = [path.join(base, "root"), path.join(base, "outside")];
  fs.mkdirSync(path.join(root, "etc"), { recursive: true });
  fs.mkdirSync(outside);
  fs.writeFileSync(path.join(root, "etc/passwd"), accounts({ ...USERS, agent: me.user }));
  fs.writeFileSync(path.join(root, "etc/group"), accounts({ ...GROUPS, agent: me.group }));
  const host = new NodeFileSystem({ root, ...options });
  return {
    host,
    root,
    outside,
    put: async (at, entry) => {
      put(root, at, entry);
      await turn();
    },
    take: async (at) => {
      take(root, at);
      await turn();
    },
    tree: () => tree(root),
    close: () => {
      host.close();
      fs.rmSync(base, { recursive: true });
    },
  };
}

const accounts = (ids: Readonly<Record<string, number>>): string =>
  Object.entries(ids)
    .map(([name, id]) => `${name}:x:${id}:${id}::/:/bin/sh\n`)
    .join("");

function put(root: string, at: string, entry: FakeEntry): void {
  let parent = root;
  for (const part of at.split("/").slice(1, -1)) {
    parent = path.join(parent, part);
    if (fs.lstatSync(parent, { throwIfNoEntry: false })?.isDirectory() === true) continue;
    fs.rmSync(parent, { force: true });
    fs.mkdirSync(parent);
    if (AGENT_IS_ROOT) fs.chownSync(parent, 0, 0);
    fs.chmodSync(parent, 0o755);
  }
  const target = path.join(root, at);
  const keep = entry.type === "directory" && fs.lstatSync(target, { throwIfNoEntry: false })?.isDirectory() === true;
  if (!keep) fs.rmSync(target, { recursive: true, force: true });
  if (entry.type === "link") return fs.symlinkSync(entry.target, target);
  if (entry.type === "special") return void execFileSync("mkfifo", [target]);
  if (entry.type === "file") fs.writeFileSync(target, "text" in entry ? entry.text : entry.bytes);
  else if (!keep) fs.mkdirSync(target);
  if (AGENT_IS_ROOT) fs.chownSync(target, numberOf(USERS, entry.owner), numberOf(GROUPS, entry.group));
  fs.chmodSync(target, Number.parseInt(entry.mode ?? (entry.type === "file" ? "0644" : "0755"), 8));
}

/** Takes nothing from behind a link. */
function take(root: string, at: string): void {
  const parts = at.split("/").slice(1);
  const above = parts.slice(0, -1).map((_, depth) => path.join(root, ...parts.slice(0, depth + 1)));
  const reached = above.every((parent) => fs.lstatSync(parent, { throwIfNoEntry: false })?.isDirectory() === true);
  if (reached) fs.rmSync(path.join(root, at), { recursive: true, force: true });
}

function numberOf(known: Readonly<Record<string, number>>, name = "root"): number {
  return known[name] ?? Number(name);
}

function nameOf(known: Readonly<Record<string, number>>, id: number, own: number): string {
  return Object.keys(known).find((name) => known[name] === id) ?? (id === own ? "agent" : String(id));
}

/** Node's own recursive listing follows links to directories. */
function tree(root: string, at = ""): Record<string, FakeTreeEntry> {
  const found: Record<string, FakeTreeEntry> = {};
  for (const name of fs.readdirSync(root + at).toSorted()) {
    const below = `${at}/${name}`;
    if (below === "/etc") continue;
    const entry = shown(root + below);
    found[below] = entry;
    if (entry.type === "directory") Object.assign(found, tree(root, below));
  }
  return found;
}

function shown(at: string): FakeTreeEntry {
  const stats = fs.lstatSync(at);
  if (stats.isSymbolicLink()) return { type: "link", target: fs.readlinkSync(at) };
  if (!stats.isFile() && !stats.isDirectory()) return { type: "special" };
  const owned = {
    mode: (stats.mode & 0o7777).toString(8).padStart(4, "0"),
    owner: nameOf(USERS, stats.uid, me.user),
    group: nameOf(GROUPS, stats.gid, me.group),
  };
  if (stats.isDirectory()) return { type: "directory", ...owned };
  const bytes = new Uint8Array(fs.readFileSync(at));
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    return { type: "file", ...owned, text };
  } catch {
    return { type: "file", ...owned, bytes };
  }
}

/** A user and a group that own nothing. */
export const NOBODY = 65_534;

/** Runs something without the rights of root. */
export async function asNobody(act: () => unknown): Promise<void> {
  process.setegid?.(NOBODY);
  process.seteuid?.(NOBODY);
  try {
    await act();
  } finally {
    process.seteuid?.(0);
    process.setegid?.(0);
  }
}
