import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { ContainerScore, manifest, PiTopology } from "../../src/index.ts";
import { onMachines, suiteMachines } from "./machine/for-tests.ts";
import type { Machine } from "./machine/machine.ts";
import { type Managed, managed } from "./machine/managed.ts";
import { pushImage, REGISTRY, startRegistry } from "./registry.ts";

const tags = { tags: ["podman"] };
const patience = { timeout: 30_000, interval: 100 };
const FILE = "/etc/containers/systemd/edge.container";

/** It is not started again by systemd, so that whoever repairs it is the agent. */
const TAMPERINGS = [
  ["stops it", "systemctl stop edge"],
  // What a generator has made has no other switch.
  ["disables it", `sed -i /WantedBy/d ${FILE}; systemctl daemon-reload`],
  ["edits its file", `sed -i s/A=1/A=2/ ${FILE}`],
  ["edits its file and has it run so", `sed -i s/A=1/A=2/ ${FILE}; systemctl daemon-reload; systemctl restart edge`],
  ["deletes its file", `rm ${FILE}`],
  ["deletes its file and has systemd forget it", `rm ${FILE}; systemctl stop edge; systemctl daemon-reload`],
  ["removes the container", "podman rm --force --time 0 edge"],
  ["kills what runs in it", "podman kill edge"],
  ["removes its image, and the container with it", `podman rmi --force "$(podman inspect edge --format '{{.Image}}')"`],
] as const;

onMachines("an agent on a machine whose containers somebody tampers with", () => {
  const boot = suiteMachines();
  const ends: (() => Promise<void>)[] = [];
  let machine: Machine;
  let agent: Managed;
  let before = "";
  let made = "";

  const sh = (script: string): Promise<string> => machine.run(["sh", "-c", script]);
  /** All that containers are made of but the order of arguments, which the generator makes up anew each time, and how they stand; of what is somebody else's, also which one it is. */
  const everything = (): Promise<string> =>
    sh(
      "cd /etc/containers/systemd; head -n 1000 -- * /run/systemd/generator/*.service | grep -v ^ExecStart=; " +
        "find /etc/systemd/system /run/systemd/generator -printf '%p %l\\n' | sort; " +
        "podman ps --all --format '{{.Names}} {{.State}}' | sort; podman volume ls -q; podman exec edge env | grep ^A=; " +
        "podman images --format '{{.Repository}}:{{.Tag}}@{{.Digest}}' | sort; " +
        "systemctl list-units --failed --plain --no-legend; " +
        "podman inspect theirs --format '{{.Id}} {{.State.StartedAt}}'; stat -c '%i %y' theirs.container",
    );

  beforeAll(async () => {
    machine = await boot({ name: "tampered" });
    await startRegistry(machine);
    const [own, theirs] = [await pushImage(machine, "app", "1"), await pushImage(machine, "app", "theirs")];
    await sh(`podman rmi --all --force; podman pull -q ${REGISTRY}/app@${theirs}`);
    await machine.writeFile(
      "/etc/containers/systemd/theirs.container",
      `[Container]\nImage=${REGISTRY}/app@${theirs}\nContainerName=theirs\nExec=sleep 1000000\n`,
    );
    await sh("systemctl daemon-reload; systemctl start theirs podman.socket");
    agent = await managed(machine, { cleanup: (end) => void ends.push(async () => end()) });
    before = await everything();
    const edge = new ContainerScore({
      name: "edge",
      image: `${REGISTRY}/app@${own}`,
      entrypoint: ["/bin/sh", "-c", "trap 'exit 0' TERM; sleep 1000000 & wait"],
      environment: { A: "1" },
      restart: "no",
      readyAfterSeconds: 0,
    });
    const applied = await agent.fleet.apply(manifest(PiTopology, { edge }), agent.agentId);
    if (applied._tag !== "Converged") throw new Error(`the agent did not come to it: ${JSON.stringify(applied)}`);
    made = await everything();
  }, 300_000);
  afterAll(async () => {
    for (const end of ends.toReversed()) await end();
  });

  test.each(TAMPERINGS)("when somebody %s, it is repaired, and called so", tags, async (_, script) => {
    const since = (await agent.scoreStatus("edge"))?.since;
    // The agent may be so quick that it calls off the job that somebody waits for.
    await machine.exec(["sh", "-c", script]);
    await vi.waitFor(async () => expect(await everything()).toBe(made), patience);
    await vi.waitFor(async () => {
      const now = await agent.scoreStatus("edge");
      expect(now).toMatchObject({ state: "Ready", outcome: "SUCCESS", change: "corrective" });
      expect(now?.since).not.toBe(since);
    }, patience);
  });

  test("what is taken away leaves no trace, and nothing of others is touched", tags, async () => {
    expect(await agent.fleet.apply(manifest(PiTopology, {}), agent.agentId)).toMatchObject({ _tag: "Converged" });
    expect(await everything()).toBe(before);
  });
});
