import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startNatsServer, type NatsServer } from "../../../src/cli/nats-server.ts";

/** A real nats-server that can be killed and comes back on the same port with the same store. */
export class RestartableServer {
  readonly url: string;
  readonly #storeDir: string;
  readonly #configFile: string | undefined;
  #running: NatsServer;

  private constructor(storeDir: string, configFile: string | undefined, running: NatsServer) {
    this.#storeDir = storeDir;
    this.#configFile = configFile;
    this.#running = running;
    this.url = running.url;
  }

  static async start(configFile?: string): Promise<RestartableServer> {
    const storeDir = await mkdtemp(join(tmpdir(), "harmony-test-nats-"));
    return new RestartableServer(storeDir, configFile, await launch(storeDir, configFile, 0));
  }

  /** As when the power goes. */
  async kill(): Promise<void> {
    process.kill(this.#running.pid, "SIGKILL");
    await this.#running.exited;
  }

  /** Keeps its connections and answers nothing, like a network that swallows everything. */
  async freeze(): Promise<void> {
    const { pid } = this.#running;
    process.kill(pid, "SIGSTOP");
    // Until the last thread has stopped, it may still answer.
    while (!(await allThreadsStopped(pid))) await new Promise((resolve) => setTimeout(resolve, 1));
  }

  thaw(): void {
    process.kill(this.#running.pid, "SIGCONT");
  }

  async restart(): Promise<void> {
    await this.#running.stop();
    this.#running = await launch(this.#storeDir, this.#configFile, Number(new URL(this.url).port));
  }

  /** For good. */
  async stop(): Promise<void> {
    await this.#running.stop();
    await rm(this.#storeDir, { recursive: true, force: true });
  }
}

async function allThreadsStopped(pid: number): Promise<boolean> {
  const threads = await readdir(`/proc/${pid}/task`);
  const states = threads.map(async (thread) => readFile(`/proc/${pid}/task/${thread}/stat`, "utf8"));
  return (await Promise.all(states)).every((state) => /\) T /.test(state));
}

async function launch(storeDir: string, configFile: string | undefined, port: number): Promise<NatsServer> {
  const { signal } = new AbortController();
  return startNatsServer({ storeDir, port, signal, ...(configFile === undefined ? {} : { configFile }) });
}
