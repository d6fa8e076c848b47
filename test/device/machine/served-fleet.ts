import { createPrivateKey } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { vi } from "vitest";
import * as z from "zod";
import { connectStore, createFleet, type Fleet, systemClock } from "../../../src/index.ts";
import type { EncodeOptions } from "../../../src/wire/encode.ts";
import type { Store } from "../../../src/wire/store.ts";
import { harmony } from "../../cli/in-process.ts";
import { freePort } from "../../support/free-port.ts";

/** A fleet as `harmony fleet init` makes it, with its server, seen by one of its authors. */
export interface ServedFleet {
  /** As this host reaches it. */
  readonly server: string;
  readonly store: Store;
  readonly fleet: Fleet;
  readonly signers: NonNullable<EncodeOptions["signers"]>;
  /** Runs a command of the command line that must succeed, where the fleet is kept: its standard output. */
  readonly harmony: (...argv: readonly string[]) => Promise<string>;
}

/** Makes it in `cwd`/fleet and serves it until `cleanup`. `hosts`: how others than this host call it. */
export async function servedFleet(options: {
  readonly cwd: string;
  readonly hosts: readonly string[];
  readonly cleanup: (end: () => Promise<void>) => void;
}): Promise<ServedFleet> {
  const { cwd, hosts, cleanup } = options;
  const run = async (...argv: readonly string[]): Promise<string> => {
    const { code, out, err } = await harmony(argv, { cwd });
    if (code !== 0) throw new Error(`harmony ${argv.join(" ")} ended with ${code}: ${err}`);
    return out;
  };
  const named = ["127.0.0.1", ...hosts].flatMap((host) => ["--host", host]);
  const made = await run("fleet", "init", ...named, "--listen", "127.0.0.1", "--port", await freePort(), "--json");
  const { server } = z.object({ server: z.string() }).parse(JSON.parse(made));
  const interrupt = new AbortController();
  let said = "";
  const onOutput = (text: string): void => void (said += text);
  const serving = harmony(["fleet", "serve"], { cwd, signal: interrupt.signal, onOutput });
  cleanup(async () => {
    interrupt.abort();
    await serving;
  });
  const isServed = (): void => {
    if (!said.includes("serves the fleet")) throw new Error(`the fleet is not served: ${said}`);
  };
  await vi.waitFor(isServed, { timeout: 30_000, interval: 100 });
  const keys = join(cwd, "fleet/keys");
  const connected = await connectStore({
    servers: server,
    credsFile: await readFile(join(keys, "author.creds"), "utf8"),
  });
  if (connected._tag === "Unreachable") throw new Error(connected.message);
  const { store } = connected;
  cleanup(() => store.close());
  const privateKey = createPrivateKey(await readFile(join(keys, "author.pem")));
  const fleet = createFleet({ store, clock: systemClock });
  return { server, store, fleet, signers: [{ key: "author", privateKey }], harmony: run };
}
