import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PortError } from "../../capabilities/port-error.ts";

const VERIFY_MS = 15_000;

/**
 * Has systemd read a unit's text before it is put in place.
 * @throws {PortError} `Invalid`, which quotes systemd, where it does not understand it
 */
export async function verifyUnit(unit: string, text: string, signal: AbortSignal): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "harmony-unit-"));
  try {
    const file = join(folder, unit);
    await writeFile(file, text);
    const complaint = await complaintAbout(file, signal);
    if (complaint === null) return;
    throw new PortError({
      code: "Invalid",
      blame: "author",
      message: `systemd does not understand ${unit}: ${complaint.replaceAll(`${folder}/`, "")}.`,
      next: "Correct the Score, or install the program that it runs.",
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** What systemd says against it; null where it says nothing, or cannot be asked. */
const complaintAbout = (file: string, signal: AbortSignal): Promise<string | null> =>
  new Promise((resolve, reject) => {
    execFile(
      "systemd-analyze",
      ["verify", "--man=no", "--recursive-errors=no", file],
      { signal, timeout: VERIFY_MS, maxBuffer: 1024 * 1024 },
      (error, _out, complaints) => {
        if (error === null) return resolve(null);
        // Not installed: then the supervisor itself will tell, at the start.
        if (error.code === "ENOENT") return resolve(null);
        if (signal.aborted || error.killed === true) return reject(gaveUp(file));
        resolve(complaints.trim().split("\n").slice(0, 3).join("; ").replace(/\.$/, "") || error.message);
      },
    );
  });

const gaveUp = (file: string): PortError =>
  new PortError({
    code: "TimedOut",
    blame: "device",
    message: `Having systemd read ${file} took too long.`,
    next: "Nothing: it is tried again.",
  });
