import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export type Locked =
  | { readonly _tag: "Locked"; readonly unlock: () => void }
  | { readonly _tag: "Taken"; readonly pid: number; readonly file: string };

/** Two servers on one store would destroy it, so one root has one `dev` at a time. */
export function lockRoot(state: string): Locked {
  const file = join(state, "dev.pid");
  for (;;) {
    try {
      writeFileSync(file, `${process.pid}\n`, { flag: "wx" });
      return { _tag: "Locked", unlock: () => rmSync(file, { force: true }) };
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
    }
    const pid = Number(readFileSync(file, "utf8"));
    if (isRunning(pid)) return { _tag: "Taken", pid, file };
    // Left behind by one that was killed.
    rmSync(file, { force: true });
  }
}

function isRunning(pid: number): boolean {
  if (!Number.isSafeInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}
