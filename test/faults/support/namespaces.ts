import { execFile } from "node:child_process";
import { promisify } from "node:util";

const run = promisify(execFile);

/** Why this process may not make one of its own, told once for all tests that need it; empty where it may. */
export async function reasonNot(what: string, rehearsal: readonly [string, ...string[]]): Promise<string> {
  const [command, ...args] = rehearsal;
  const why = await run(command, args, { timeout: 10_000 }).then(
    () => "",
    (error: unknown) => `making ${what} of one's own takes root: ${String(error).trim().split("\n").at(-1)}`,
  );
  if (why !== "") process.stdout.write(`every test with ${what} of its own is skipped: ${why}\n`);
  return why;
}
