import { homedir } from "node:os";
import { join } from "node:path";
import type { Io } from "./io.ts";

/** Where a user's own settings are. */
export function configFolder(env: Io["env"]): string {
  const config = env["XDG_CONFIG_HOME"];
  const root = config === undefined || config === "" ? join(env["HOME"] ?? homedir(), ".config") : config;
  return join(root, "harmony-edge");
}
