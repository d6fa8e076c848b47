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

/** While one ends and the next one has not begun. */
const NO_AGENT: AgentChild = { exited: new Promise(() => {}), stop: async () => {} };

/** A server and an agent on this machine, and a way to steer them. */
export interface Machine {
  readonly _tag: "Machine";
  readonly root: string;
  readonly url: string;
  readonly fleet: Fleet;
  /** Resolves when one of the two is gone without having been told to; the value says which, and why. */
  readonly died: Promise<string>;
  /** Ends the agent and starts it anew, of the same program as it is now. */
  restartAgent(): Promise<void>;
  stop(): Promise<void>;
}

export interface MachineOptions {
  readonly cwd: string;
  /** Default: a fresh temporary directory. */
  readonly root: string | undefined;
  /** 0: any free one. */
  readonly port: number;
  /** The agent's own bundle; null: the one that comes with this command line. */
  readonly program: string | null;
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
  program,
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
    const start = (): Promise<AgentChild> =>
      startAgent({ id: DEV_AGENT, root, server: server.url, program }, agentLine);
    let agent = await start();
    let agentDied = (_why: string): void => {};
    const died = new Promise<string>((tell) => (agentDied = tell));
    const watch = (child: AgentChild): void =>
      // One that was told to end makes way for another.
      void child.exited.then((why) => child === agent && agentDied(`the agent ended: ${why}`));
    watch(agent);
    undo.push(() => agent.stop());
    return {
      _tag: "Machine",
      root,
      url: server.url,
      fleet: createFleet({ store, clock: systemClock }),
      died: Promise.race([server.exited.then((why) => `nats-server ended: ${why}`), died]),
      async restartAgent() {
        const before = agent;
        agent = NO_AGENT;
        await before.stop();
        agent = await start();
        watch(agent);
      },
      stop,
    };
  } catch (error) {
    await stop();
    if (signal.aborted) return { _tag: "NotStarted", message: "stopped" };
    return { _tag: "NotStarted", message: error instanceof Error ? error.message : String(error) };
  }
}
