import { mkdir, mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { connectStore } from "../../wire/nats/connect.ts";
import { AgentId } from "../../wire/keys.ts";
import { createFleet, type Fleet, systemClock } from "../../fleet/index.ts";
import { fetchNatsServer, findNatsServer, startNatsServer } from "../nats-server.ts";
import { type AgentChild, startAgent } from "./child.ts";
import { lockRoot } from "./lock.ts";

/** The one agent of `dev`. */
export const DEV_AGENT = AgentId.parse("dev");

/** A server and an agent on this machine, and a way to steer them. */
export interface Machine {
  readonly _tag: "Machine";
  readonly root: string;
  readonly url: string;
  readonly fleet: Fleet;
  /** Resolves when one of the two is gone without having been told to; the value says which, and why. */
  readonly died: Promise<string>;
  stop(): Promise<void>;
}

export interface MachineOptions {
  readonly cwd: string;
  /** Default: a fresh temporary directory. */
  readonly root: string | undefined;
  /** 0: any free one. */
  readonly port: number;
  readonly signal: AbortSignal;
  readonly say: (line: string) => void;
  readonly agentLine: (line: string) => void;
}

export type Started = Machine | { readonly _tag: "NotStarted"; readonly message: string; readonly next?: string };

/**
 * Everything that is kept lies under ROOT/var/lib/harmony-edge, the server's store and the agent's ledger alike, so that
 * a second start on the same root goes on where the first one was.
 */
export async function startMachine({
  cwd,
  root: given,
  port,
  signal,
  say,
  agentLine,
}: MachineOptions): Promise<Started> {
  const root = given === undefined ? await mkdtemp(join(tmpdir(), "harmony-dev-")) : resolve(cwd, given);
  const state = join(root, "var/lib/harmony-edge");
  const storeDir = join(state, "nats");
  await mkdir(storeDir, { recursive: true });
  say(`root: ${root}`);
  const locked = lockRoot(state);
  if (locked._tag === "Taken") {
    const next = `If that is not so, remove ${locked.file}.`;
    return { _tag: "NotStarted", message: `another harmony dev, process ${locked.pid}, works on ${root}`, next };
  }
  const undo: (() => unknown)[] = [locked.unlock];
  const stop = async (): Promise<void> => {
    for (const each of undo.splice(0).toReversed()) await each();
  };
  try {
    const found = await findNatsServer();
    if ("problem" in found) {
      say(found.problem);
      const fetched = await fetchNatsServer(say, signal);
      if ("problem" in fetched) throw new Error(fetched.problem);
    }
    // Stopped by `stop` alone, after the agent, which would else see its server go.
    const server = await startNatsServer({ port, storeDir, signal: new AbortController().signal });
    undo.push(() => server.stop());
    signal.throwIfAborted();
    const connected = await connectStore({ servers: server.url, name: "harmony dev", signal });
    if (connected._tag === "Unreachable") throw new Error(connected.message);
    const { store } = connected;
    undo.push(() => store.close());
    const ready = await store.ensureBuckets({ signal });
    if (ready._tag === "Unreachable") throw new Error(ready.message);
    const agent: AgentChild = await startAgent({ id: DEV_AGENT, root, server: server.url }, agentLine);
    undo.push(() => agent.stop());
    return {
      _tag: "Machine",
      root,
      url: server.url,
      fleet: createFleet({ store, clock: systemClock }),
      died: Promise.race([
        server.exited.then((why) => `nats-server ended: ${why}`),
        agent.exited.then((why) => `the agent ended: ${why}`),
      ]),
      stop,
    };
  } catch (error) {
    await stop();
    if (signal.aborted) return { _tag: "NotStarted", message: "stopped" };
    return { _tag: "NotStarted", message: error instanceof Error ? error.message : String(error) };
  }
}
