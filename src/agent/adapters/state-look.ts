import { constants } from "node:fs";
import { access, lstat } from "node:fs/promises";
import type { Disk } from "../disk.ts";
import type { StateExamined } from "../doctor.ts";
import { Ledger } from "../ledger.ts";
import { spaceAt, StateDirectory } from "./state-directory.ts";
import { holderOfState } from "./state-lock.ts";

/** Reads the agent's own directory, also beside a running agent. Changes nothing. */
export async function lookAtState(path: string): Promise<StateExamined> {
  const stats = await lstat(path).catch((error: unknown) => error);
  if (stats instanceof Error) {
    const isMissing = "code" in stats && stats.code === "ENOENT";
    return isMissing ? { _tag: "Missing", path } : { _tag: "Unusable", path, message: stats.message };
  }
  try {
    const { uid, mode } = await lstat(path);
    await access(path, constants.R_OK | constants.W_OK | constants.X_OK);
    const complaints: string[] = [];
    const ledger = await Ledger.open(readOnly(new StateDirectory(path)), (message) => void complaints.push(message));
    return {
      _tag: "There",
      path,
      ownerUid: uid,
      mode: (mode & 0o7777).toString(8).padStart(4, "0"),
      space: await spaceAt(path),
      heldBy: await holderOfState(path),
      generation: ledger.accepted?.generation ?? 0,
      owned: ledger.owned.size,
      complaints,
    };
  } catch (error) {
    return { _tag: "Unusable", path, message: error instanceof Error ? error.message : String(error) };
  }
}

/** A journal that is due to be written anew is left to the agent. */
const readOnly = (state: StateDirectory): Disk => ({
  read: (name) => state.read(name),
  replace: async () => {},
  append: async () => {},
  space: () => state.space(),
});
