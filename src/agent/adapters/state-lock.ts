import { createHash, randomBytes } from "node:crypto";
import { link, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

export type Locked =
  | { readonly _tag: "Locked"; readonly unlock: () => Promise<void> }
  | { readonly _tag: "Taken"; readonly pid: number; readonly file: string };

/**
 * Two agents on one state directory would write over each other's ledger. Who holds it is told by the process id and the
 * moment, in ticks since this boot, at which that process began: an id alone is used again after a reboot. Node has no
 * lock of the kernel's, which would go with its process, so what a dead one left has to be taken away.
 */
export async function lockState(directory: string): Promise<Locked> {
  const file = join(directory, "lock");
  const own = join(directory, `lock.${randomBytes(8).toString("hex")}`);
  const me = await holderOf(process.pid);
  await writeFile(own, me, { flag: "wx", mode: 0o600 });
  try {
    const pid = await acquire(file, own);
    return pid === null ? { _tag: "Locked", unlock: () => unlock(file, me) } : { _tag: "Taken", pid, file };
  } finally {
    await rm(own, { force: true });
  }
}

/** The process that works with the directory; null where none does. */
export async function holderOfState(directory: string): Promise<number | null> {
  const held = await textOf(join(directory, "lock"));
  return held === null ? null : liveHolder(held);
}

async function liveHolder(held: string): Promise<number | null> {
  const pid = Number(/^\d+/.exec(held)?.[0]);
  return Number.isSafeInteger(pid) && held === (await holderOf(pid)) ? pid : null;
}

/**
 * Null: `file` is now a link to `own`. Else who holds it. What a dead one left is removed by whoever holds a lock that is
 * named after exactly that: of two who find the same, one would else remove the lock that the other has just made.
 */
async function acquire(file: string, own: string): Promise<number | null> {
  for (;;) {
    if (await linked(own, file)) return null;
    const held = await textOf(file);
    if (held === null) continue;
    const holder = await liveHolder(held);
    if (holder !== null) return holder;
    const funeral = `${file}.${createHash("sha256").update(held).digest("hex").slice(0, 16)}`;
    const other = await acquire(funeral, own);
    if (other !== null) return other;
    if ((await textOf(file)) === held) await rm(file, { force: true });
    await rm(funeral, { force: true });
  }
}

/** A link, unlike a file that is opened, appears with its content, or not at all. */
async function linked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EEXIST") return false;
    throw error;
  }
}

async function unlock(file: string, me: string): Promise<void> {
  if ((await textOf(file)) === me) await rm(file, { force: true });
}

const textOf = async (path: string): Promise<string | null> => readFile(path, "utf8").catch(() => null);

/** `PID STARTED BOOT`; a process that is gone has none of it. See proc(5): the name in `stat` may hold anything, so from its end. */
async function holderOf(pid: number): Promise<string> {
  const stat = (await textOf(`/proc/${pid}/stat`)) ?? "";
  const started = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
  const boot = await textOf("/proc/sys/kernel/random/boot_id");
  return started === undefined ? `${pid} gone` : `${pid} ${started} ${boot?.trim() ?? ""}`;
}
