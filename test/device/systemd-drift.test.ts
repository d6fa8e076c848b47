import { beforeAll, afterAll, expect, test, vi } from "vitest";
import { manifest, PiTopology, SystemdServiceScore, SystemdUnitScore } from "../../src/index.ts";
import { onMachines, suiteMachines } from "./machine/for-tests.ts";
import type { Machine } from "./machine/machine.ts";
import { type Managed, managed } from "./machine/managed.ts";

const patience = { timeout: 20_000, interval: 50 };
const OURS = "/etc/systemd/system/web.service";
const DROP_IN = "/etc/systemd/system/theirs.service.d/50-harmony.conf";
const THEIRS = "[Service]\nExecStart=/usr/bin/sleep infinity\n\n[Install]\nWantedBy=multi-user.target\n";

const wanted = manifest(PiTopology, {
  web: new SystemdServiceScore({ name: "web", exec: ["/usr/bin/sleep", "1000000"], readyAfterSeconds: 0.1 }),
  theirs: new SystemdUnitScore({
    unit: "theirs.service",
    enabled: true,
    active: true,
    masked: false,
    settings: { Service: { Nice: "3" } },
  }),
});

/** What somebody does to the units of which Score. */
const TAMPERINGS = [
  ["web", "stops it", "systemctl stop web"],
  ["web", "disables it", "systemctl disable web"],
  ["web", "edits its file", `echo Nice=9 >>${OURS}`],
  [
    "web",
    "edits its file and has it read",
    `sed -i s/1000000/5/ ${OURS}; systemctl daemon-reload; systemctl restart web`,
  ],
  ["web", "deletes its file", `rm ${OURS}`],
  ["theirs", "stops it", "systemctl stop theirs"],
  ["theirs", "disables it", "systemctl disable theirs"],
  ["theirs", "masks it", "systemctl mask --now theirs"],
  ["theirs", "edits its settings", `sed -i s/3/4/ ${DROP_IN}`],
  ["theirs", "deletes its settings", `rm -r ${DROP_IN}; systemctl daemon-reload; systemctl restart theirs`],
] as const;

onMachines("an agent on a machine whose units somebody tampers with", () => {
  const boot = suiteMachines();
  const ends: (() => Promise<void>)[] = [];
  let machine: Machine;
  let agent: Managed;
  let before = "";
  let made = "";

  /** All that systemd goes by, and how the units of the test stand. */
  const everything = async (): Promise<string> => {
    const find = "find /etc/systemd /run/systemd/system /usr/lib/systemd/system";
    const script = `${find} -printf '%p %y %m %l\\n'; ${find} -type f -exec sha256sum {} + | sort`;
    const files = await machine.run(["sh", "-c", `(${script}) | sort`]);
    const units = await machine.exec(["systemctl", "show", "web.service", "theirs.service", "-p", SHOWN]);
    return `${files}${units.out}`;
  };

  beforeAll(async () => {
    machine = await boot({ name: "tampered" });
    await machine.writeFile("/usr/lib/systemd/system/theirs.service", THEIRS);
    await machine.run(["systemctl", "daemon-reload"]);
    agent = await managed(machine, { cleanup: (end) => void ends.push(async () => end()) });
    before = await everything();
    const applied = await agent.fleet.apply(wanted, agent.agentId);
    if (applied._tag !== "Converged") throw new Error(`the agent did not come to it: ${JSON.stringify(applied)}`);
    made = await everything();
  });
  afterAll(async () => {
    for (const end of ends.toReversed()) await end();
  });

  test.each(TAMPERINGS)(
    "%s: when somebody %s, it is repaired, and called so",
    { tags: ["systemd"] },
    async (id, _, script) => {
      const since = (await agent.scoreStatus(id))?.since;
      await machine.run(["sh", "-ec", script]);
      await vi.waitFor(async () => expect(await everything()).toBe(made), patience);
      await vi.waitFor(async () => {
        const status = await agent.scoreStatus(id);
        expect(status).toMatchObject({ state: "Ready", outcome: "SUCCESS", change: "corrective" });
        expect(status?.since).not.toBe(since);
      }, patience);
    },
  );

  test("what is taken away leaves no trace, and nothing of others is touched", { tags: ["systemd"] }, async () => {
    expect(await agent.fleet.apply(manifest(PiTopology, {}), agent.agentId)).toMatchObject({ _tag: "Converged" });
    expect(await everything()).toBe(before);
  });
});

/** What is equal whenever they stand the same way. */
const SHOWN = "LoadState,ActiveState,SubState,UnitFileState,FragmentPath,DropInPaths,Nice,NeedDaemonReload";
