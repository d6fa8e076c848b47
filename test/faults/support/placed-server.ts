import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished, vi } from "vitest";
import * as z from "zod";
import { findNatsServer, type SpawnedServer, spawnServer } from "../../../src/cli/nats-server.ts";
import { patience } from "./agents.ts";
import { Monitored } from "./server.ts";

/** Where a server runs that does not share all with the host. */
export interface Surroundings {
  /** The command line that runs this one there. */
  readonly enter: (argv: readonly string[]) => readonly string[];
  /** The port of the host's loopback that leads to this one there. */
  readonly reach: (port: number) => Promise<number>;
  /** What it listens on. */
  readonly ports: { readonly clients: number; readonly monitoring: number };
  /** Folder of its JetStream files; one of the host's unless given. */
  readonly storeDir?: string;
}

/** A real server that does not share all with the host, which reaches it by ports of its loopback. */
export class PlacedServer extends Monitored {
  /** For the host. */
  readonly url: string;
  readonly #run: () => Promise<SpawnedServer>;
  #running: SpawnedServer;

  private constructor(url: string, monitoring: string, run: () => Promise<SpawnedServer>, running: SpawnedServer) {
    super(monitoring);
    this.url = url;
    this.#run = run;
    this.#running = running;
  }

  /** `settings`: more of its configuration. It ends with the test. */
  static async start({ enter, reach, ports, storeDir }: Surroundings, settings = ""): Promise<PlacedServer> {
    const folder = await mkdtemp(join(tmpdir(), "harmony-faults-"));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    const found = await findNatsServer();
    if ("problem" in found) throw new Error(found.problem);
    const config = join(folder, "nats-server.conf");
    await writeFile(
      config,
      `listen: "0.0.0.0:${ports.clients}"\nhttp: "127.0.0.1:${ports.monitoring}"\njetstream { store_dir: "${storeDir ?? folder}" }\n${settings}\n`,
    );
    const [command = "", ...args] = enter([found.path, "-c", config]);
    const run = (): Promise<SpawnedServer> => spawnServer(command, args, new AbortController().signal);
    const running = await run();
    const [own, monitoring] = [await reach(ports.clients), await reach(ports.monitoring)];
    const made = new PlacedServer(`nats://127.0.0.1:${own}`, `http://127.0.0.1:${monitoring}`, run, running);
    onTestFinished(() => made.#running.stop());
    await made.#isUp();
    return made;
  }

  /** Stops it in order, and starts it again with what it had stored. */
  async again(): Promise<void> {
    await this.#running.stop();
    this.#running = await this.#run();
    await this.#isUp();
  }

  async #isUp(): Promise<void> {
    await vi.waitFor(() => this.told("healthz?js-server-only=true", z.object({ status: z.literal("ok") })), patience);
  }
}
