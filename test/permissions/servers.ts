import { fetchNatsServer, findNatsServer, type FoundNatsServer } from "../../src/cli/nats-server.ts";
import { cachedNatsServerPath, checkNatsServer } from "../../src/cli/nats-server-find.ts";

/** Debian 13, which has the oldest server that is supported: 2.10. */
const OLDEST = "trixie";

export interface Servers {
  readonly found: readonly FoundNatsServer[];
  /** Those that could not be had, and why. */
  readonly missing: readonly string[];
}

/** The oldest supported server and the newest that this machine can have, fetched where they are not there yet. */
export async function servers(): Promise<Servers> {
  const { signal } = new AbortController();
  const tell = (sentence: string): void => void process.stderr.write(`${sentence}\n`);
  const cached = await checkNatsServer(cachedNatsServerPath(process.env, OLDEST));
  const oldest = "problem" in cached ? await fetchNatsServer(tell, signal, process.env, OLDEST) : cached;
  const newest = await findNatsServer();
  const found = new Map<string, FoundNatsServer>();
  const missing: string[] = [];
  for (const each of [oldest, newest]) {
    if ("problem" in each) missing.push(each.problem);
    else found.set(each.version, each);
  }
  return { found: [...found.values()], missing };
}
