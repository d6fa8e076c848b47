import { execFile, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { join } from "node:path";
import { packageRoot } from "../package-root.ts";

export interface AgentChild {
  /** Resolves once the process is gone; the value says how it ended. */
  readonly exited: Promise<string>;
  /** Asks it to end, and makes it end where it does not; resolves once it is gone. */
  stop(): Promise<void>;
}

/** The agent gives itself 10 seconds for the step that is under way. */
const STOP_MS = 12_000;

/** Starts an agent as a process of its own, the way an operator would. */
export async function startAgent(
  {
    id,
    root,
    server,
    program: own,
  }: {
    readonly id: string;
    readonly root: string;
    readonly server: string;
    /** A bundle of `harmony bundle`; null: the agent that comes with this command line. */
    readonly program: string | null;
  },
  onLine: (line: string) => void,
): Promise<AgentChild> {
  const agent = own === null ? [join(packageRoot(), "bin/harmony.js"), "agent"] : [own];
  const words = [process.execPath, ...agent, "run", "--id", id, "--root", root, "--server", server];
  const [program = process.execPath, ...args] = [...(await dieWithParent()), ...words];
  // Credentials in the environment are for another server.
  const { HARMONY_CREDS: _, ...env } = process.env;
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"], env });
  for (const stream of [child.stdout, child.stderr]) createInterface({ input: stream }).on("line", onLine);
  const exited = new Promise<string>((resolve) => {
    child.once("error", (error) => resolve(error.message));
    child.once("close", (code, signal) => resolve(signal === null ? `exit ${code}` : signal));
  });
  const onParentExit = (): void => void child.kill("SIGTERM");
  process.once("exit", onParentExit);
  void exited.then(() => process.removeListener("exit", onParentExit));
  return {
    exited,
    async stop() {
      child.kill("SIGTERM");
      const killer = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
      await exited;
      clearTimeout(killer);
    },
  };
}

/**
 * Linux can end a child with its parent, however that ends, but Node cannot ask for it; setpriv of util-linux can, and
 * then becomes the child itself. Without it, an orderly exit still ends the child.
 */
async function dieWithParent(): Promise<readonly string[]> {
  const prefix = ["--pdeathsig", "TERM"];
  return new Promise((resolve) => {
    execFile("setpriv", [...prefix, "true"], { timeout: 5000 }, (error) =>
      resolve(error === null ? ["setpriv", ...prefix] : []),
    );
  });
}
