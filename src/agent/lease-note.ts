import * as z from "zod";
import type { Log } from "../scores/context.ts";
import type { Disk } from "./disk.ts";

const LeaseNote = z.object({
  /** The start of the agent that took the lease last. */
  bootId: z.string().nullable(),
  /** The highest token that this member has ever taken. */
  token: z.int(),
});
type LeaseNote = z.infer<typeof LeaseNote>;

const FILE = "lease.json";
const NOTHING: LeaseNote = { bootId: null, token: 0 };

/** What an earlier start has left. Without it this member waits for its own lease as for another one's. */
export async function readNote(disk: Disk, log: Log): Promise<LeaseNote> {
  try {
    const bytes = await disk.read(FILE);
    return bytes === null ? NOTHING : LeaseNote.parse(JSON.parse(Buffer.from(bytes).toString()));
  } catch (error) {
    log("the note of the lease cannot be read; it is waited for as another member's", { error: String(error) });
    return NOTHING;
  }
}

/** Whether it is on disk now. */
export async function writeNote(disk: Disk, note: LeaseNote, log: Log): Promise<boolean> {
  try {
    await disk.replace(FILE, Buffer.from(JSON.stringify(note)));
    return true;
  } catch (error) {
    log("the lease is not taken, as no note of it can be written", { error: String(error) });
    return false;
  }
}
