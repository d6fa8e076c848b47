import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { startNatsServer, type NatsServer } from "../../src/cli/nats-server.ts";

export interface NatsServerForTest {
  /** Path of a configuration file with accounts and users. */
  readonly configFile?: string;
  /** Takes the function that stops the server; the end of the test unless given. Within a `beforeAll` one must be given. */
  readonly cleanup?: (stop: () => Promise<void>) => void;
}

/** A real nats-server of the test's own, on a free port and with an empty store, stopped after the test. */
export async function natsServer(options: NatsServerForTest = {}): Promise<NatsServer> {
  const { cleanup = onTestFinished, ...config } = options;
  const storeDir = await mkdtemp(join(tmpdir(), "harmony-test-nats-"));
  const { signal } = new AbortController();
  const starting = startNatsServer({ ...config, storeDir, signal });
  cleanup(async () => {
    const server = await starting.catch(() => undefined);
    await server?.stop();
    await rm(storeDir, { recursive: true, force: true });
  });
  return starting;
}
