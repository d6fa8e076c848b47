// Tries with the agent's own adapters, and without them, what an agent that offers files and services alone has no business
// with. Writes what came of each into a file, as JSON: null where it worked, else what was said.
//
//   undeclared FILE
import { appendFileSync, readFileSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { runCommand } from "../../../src/agent/adapters/command.ts";
import { NftPacketFilter } from "../../../src/agent/adapters/nft-packet-filter.ts";
import { NodeFileSystem } from "../../../src/agent/adapters/node-file-system.ts";

const signal = AbortSignal.timeout(20_000);
const files = new NodeFileSystem();
const filter = new NftPacketFilter();

async function program(...argv: [string, ...string[]]): Promise<void> {
  const ran = await runCommand({ argv, signal, timeoutMs: 10_000 });
  if (ran._tag !== "Ended" || ran.code !== 0) throw new Error(ran._tag === "Ended" ? ran.stderr.trim() : ran._tag);
}

const port = { protocol: "tcp", ports: [{ first: 8081, last: 8081 }], from: null } as const;
const attempts: Readonly<Record<string, () => unknown>> = {
  "a port": () => filter.replace("undeclared", { interfaces: null, openings: [port], drops: false }, signal),
  "an address": () => program("ip", "address", "add", "203.0.113.77/32", "dev", "eth1"),
  "a file in /etc": () => files.writeFile("/etc/undeclared", Buffer.from("x"), {}),
  "a file in /usr": () => files.writeFile("/usr/undeclared", Buffer.from("x"), {}),
  "the agent's configuration": () => appendFileSync("/etc/harmony-edge/agent.json", "\n"),
  "the agent's cage": () => writeFileSync("/etc/systemd/system/harmony-agent.service.d/99-open.conf", "[Service]\n"),
  "a mount": () => program("mount", "-t", "tmpfs", "tmpfs", "/mnt"),
  "a namespace": () => program("unshare", "--uts", "true"),
  "a kernel setting": () => writeFileSync("/proc/sys/net/ipv4/ip_default_ttl", "64"),
  "podman's socket": () =>
    new Promise<void>((done, failed) => {
      const socket = connect("/run/podman/podman.sock", () => done(void socket.destroy()));
      socket.once("error", failed);
    }),
  "what is declared": () => files.writeFile("/srv/declared", Buffer.from("x"), {}),
};

const told: Record<string, string | null> = {};
for (const [name, attempt] of Object.entries(attempts)) {
  try {
    await attempt();
    told[name] = null;
  } catch (error) {
    told[name] = error instanceof Error ? error.message : String(error);
  }
}
told["new privileges"] = /^NoNewPrivs:\t1$/m.test(readFileSync("/proc/self/status", "utf8")) ? "none" : null;
writeFileSync(process.argv[2] ?? "/dev/stdout", JSON.stringify(told));
files.close();
