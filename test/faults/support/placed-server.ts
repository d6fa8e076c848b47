import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished, vi } from "vitest";
import * as z from "zod";
import { findNatsServer, spawnServer } from "../../../src/cli/nats-server.ts";
import { patience } from "./agents.ts";
import type { Place } from "./network.ts";
import { Monitored } from "./server.ts";

const PORT = 4222;
const MONITORING_PORT = 8222;

/** A real server in a network of its own, on all of its addresses; the host reaches it by ports of its loopback. */
export class PlacedServer extends Monitored {
  /** For the host. */
  readonly url: string;

  private constructor(url: string, monitoring: string) {
    super(monitoring);
    this.url = url;
  }

  /** `settings`: more of its configuration. It ends with the test. */
  static async start(place: Place, settings = ""): Promise<PlacedServer> {
    const folder = await mkdtemp(join(tmpdir(), "harmony-faults-"));
    const found = await findNatsServer();
    if ("problem" in found) throw new Error(found.problem);
    const config = join(folder, "nats-server.conf");
    await writeFile(
      config,
      `listen: "0.0.0.0:${PORT}"\nhttp: "127.0.0.1:${MONITORING_PORT}"\njetstream { store_dir: "${folder}/store" }\n${settings}\n`,
    );
    const [command = "", ...args] = place.enter([found.path, "-c", config]);
    const { stop } = await spawnServer(command, args, new AbortController().signal);
    onTestFinished(async () => {
      await stop();
      await rm(folder, { recursive: true, force: true });
    });
    const [own, monitoring] = [await place.reach(PORT), await place.reach(MONITORING_PORT)];
    const made = new PlacedServer(`nats://127.0.0.1:${own}`, `http://127.0.0.1:${monitoring}`);
    await vi.waitFor(() => made.told("varz", z.object({ port: z.literal(PORT) })), patience);
    return made;
  }
}
