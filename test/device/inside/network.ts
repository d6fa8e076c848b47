import { HostNetwork } from "../../../src/agent/adapters/host-network.ts";
import { natsAnswers } from "../../../src/agent/adapters/nats-answers.ts";
import { NodeFileSystem } from "../../../src/agent/adapters/node-file-system.ts";
import { systemClock } from "../../../src/agent/adapters/system-clock.ts";
import { interpret, preview, retire } from "../../../src/scores/interpret.ts";
import { NetworkInterfaceScore } from "../../../src/scores/network-interface.ts";

/** Interprets one NetworkInterface once on the machine that it runs on, as the agent would, and prints what came of it. */

const [, , work = "", server = "", spec = "{}"] = process.argv;
const notesPath = "/var/lib/harmony-edge/agent/network";
const files = new NodeFileSystem();
const network = new HostNetwork({ files, reachable: natsAnswers(() => [server]), notesPath });
const stop = new AbortController();
const around = {
  ports: { NetworkConfigurator: network },
  clock: systemClock,
  log: () => undefined,
  stop: stop.signal,
  superseded: () => false,
  claim: () => Promise.resolve(),
};

async function run(): Promise<unknown> {
  if (work === "detect") return network.detect(stop.signal);
  const score = NetworkInterfaceScore.parse(JSON.parse(spec));
  if (work === "preview") return preview(score, around);
  if (work === "retire") return retire(score, new Set(), around);
  return interpret(score, around);
}

const outcome = await run();
process.stdout.write(`${JSON.stringify(outcome)}\n`);
network.close();
files.close();
