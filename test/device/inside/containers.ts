import { readdirSync, readFileSync } from "node:fs";
import { AssetDirectory } from "../../../src/agent/adapters/asset-directory.ts";
import { DbusSystemdHost } from "../../../src/agent/adapters/dbus-systemd-host.ts";
import { NodeFileSystem } from "../../../src/agent/adapters/node-file-system.ts";
import { PodmanOffering } from "../../../src/agent/adapters/podman-offering.ts";
import { systemClock } from "../../../src/agent/adapters/system-clock.ts";
import { AssetCache } from "../../../src/agent/assets/asset-cache.ts";
import { ContainerRuntime } from "../../../src/capabilities/container-runtime.ts";
import { ContainerScore } from "../../../src/scores/container.ts";
import { interpret, preview, retire } from "../../../src/scores/interpret.ts";
import { FaultyPorts } from "../../../src/testing/faulty-ports.ts";
import { MemoryStore } from "../../../src/wire/memory-store.ts";

/**
 * `node containers.mjs interpret|preview|retire|detect SPEC`: does it on the podman of this machine, and prints JSON. What is
 * in /root/server is what the server has of assets.
 */

const [, , work = "", spec = "{}"] = process.argv;
const files = new NodeFileSystem();
const supervisor = new DbusSystemdHost({ files });
const offering = new PodmanOffering({ files, supervisor });
const stop = new AbortController().signal;
const lines: unknown[] = [];
const ports = new FaultyPorts([ContainerRuntime], { ContainerRuntime: offering.port });
const store = new MemoryStore();
for (const name of readdirSync("/root/server")) store.server.assets.set(name, readFileSync(`/root/server/${name}`));
const disk = await AssetDirectory.open("/var/lib/assets", "/");
const assets = new AssetCache({ store, disk, clock: systemClock, log: () => {}, limitBytes: 1024 ** 3 });
const around = {
  assets,
  ports: ports.table,
  clock: systemClock,
  log: (_: string, fields?: Readonly<Record<string, unknown>>) => void lines.push(fields),
  stop,
  superseded: () => false,
  claim: () => Promise.resolve(),
};

async function run(): Promise<unknown> {
  if (work === "detect") return offering.detect(stop);
  const score = ContainerScore.parse(JSON.parse(spec));
  if (work === "retire") return retire(score, new Set([score.bind().identity]), around);
  return work === "preview" ? preview(score, around) : interpret(score, around);
}

const started = performance.now();
const result = await run();
const ms = Math.round(performance.now() - started);
const calls = ports.calls.filter(({ writes }) => writes).map(({ method }) => method);
process.stdout.write(`${JSON.stringify({ result, ms, writes: calls, lines })}\n`);
offering.close();
supervisor.close();
files.close();
