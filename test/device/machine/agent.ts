import { readFile } from "node:fs/promises";
import { build, isStale } from "../../../scripts/build.mjs";
import type { Machine } from "./machine.ts";

export interface AgentOnMachine {
  readonly id: string;
  /** As the machine reaches it; see `natsUrl`. */
  readonly server: string;
  /** More of its flags. Default none. */
  readonly flags?: readonly string[] | undefined;
}

/** Installs the agent's bundle as it is shipped, to run on the machine's own Node, and starts it as harmony-agent.service. */
export async function startAgent(machine: Machine, { id, server, flags = [] }: AgentOnMachine): Promise<void> {
  if (isStale("agent")) await build(["agent"]);
  await machine.writeFile(
    "/opt/harmony-edge/agent.cjs",
    await readFile(new URL("../../../dist/agent.cjs", import.meta.url)),
  );
  await machine.writeFile(
    "/usr/local/bin/harmony-agent",
    `#!/usr/bin/node
require("/opt/harmony-edge/agent.cjs").main(process.argv.slice(2)).then((code) => (process.exitCode = code));
`,
    "0755",
  );
  await machine.writeFile(
    "/etc/systemd/system/harmony-agent.service",
    `[Service]
ExecStart=/usr/local/bin/harmony-agent run --id ${id} --server ${server} ${flags.join(" ")}
Restart=always
StateDirectory=harmony-edge/agent
StateDirectoryMode=0700

[Install]
WantedBy=multi-user.target
`,
  );
  await machine.run(["systemctl", "daemon-reload"]);
  await machine.run(["systemctl", "enable", "--now", "harmony-agent.service"]);
}
