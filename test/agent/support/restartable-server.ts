import { type NatsServer, startNatsServer } from "../../../src/cli/nats-server.ts";
import { onTestFinished } from "vitest";
import { temporaryFolder } from "./agent-process.ts";

/** A real nats-server that can be killed and started again, at the same address and with what it had stored. */
export class RestartableServer {
  readonly #storeDir: string;
  #server: NatsServer;

  private constructor(storeDir: string, server: NatsServer) {
    this.#storeDir = storeDir;
    this.#server = server;
  }

  static async start(): Promise<RestartableServer> {
    const storeDir = await temporaryFolder();
    const { signal } = new AbortController();
    const made = new RestartableServer(storeDir, await startNatsServer({ storeDir, signal }));
    onTestFinished(() => made.#server.stop());
    return made;
  }

  get url(): string {
    return this.#server.url;
  }

  /** As a power loss would. */
  async kill(): Promise<void> {
    process.kill(this.#server.pid, "SIGKILL");
    await this.#server.exited;
  }

  async again(): Promise<void> {
    const { signal } = new AbortController();
    this.#server = await startNatsServer({ storeDir: this.#storeDir, port: Number(new URL(this.url).port), signal });
  }
}
