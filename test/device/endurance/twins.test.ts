import { setTimeout as sleep } from "node:timers/promises";
import { connect } from "nats";
import { expect, onTestFinished, test, vi } from "vitest";
import { FileScore, manifest, PiTopology } from "../../../src/index.ts";
import { Heartbeat, readDocument } from "../../../src/wire/status.ts";
import { onMachines, testMachine } from "../machine/for-tests.ts";
import { managed } from "../machine/managed.ts";
import { inFull, tell } from "../../support/endurance.ts";

const WATCHED_MS = inFull(60_000, 11_000);
const patience = { timeout: 30_000, interval: 100 };
const wanted = (text: string) => manifest(PiTopology, { a: new FileScore({ path: "/srv/a", content: text }) });

onMachines("two agents with one id on a machine", () => {
  test("one is fenced and falls silent until it is restarted, and the epoch stays", { tags: ["systemd"] }, async () => {
    const machine = await testMachine({ name: "twins" });
    const { url, fleet, agentId, store } = await managed(machine);
    await vi.waitFor(
      async () => expect(await fleet.apply(wanted("1"), agentId)).toMatchObject({ _tag: "Converged" }),
      patience,
    );
    const unit = await machine.readFile("/etc/systemd/system/harmony-agent.service");
    const twin = unit
      .replace(/^ExecStart=(.*)$/m, "ExecStart=$1 --state-dir /var/lib/twin")
      .replaceAll(/^StateDir.*\n/gm, "");
    await machine.writeFile(
      "/etc/systemd/system/twin-agent.service",
      twin.replace("[Service]", "[Service]\nStateDirectory=twin"),
    );
    await machine.run(["systemctl", "daemon-reload"]);
    await machine.run(["systemctl", "start", "twin-agent"]);

    const beat = async (): Promise<Heartbeat | undefined> => {
      const found = await store.get("heartbeat", agentId);
      const read = found._tag === "Value" ? readDocument(Heartbeat, found.value) : null;
      return read?._tag === "Read" ? read.document : undefined;
    };
    const log = async (name: string): Promise<readonly string[]> =>
      (await machine.run(["journalctl", "-q", "-u", name, "-o", "cat"])).split("\n").filter(Boolean);
    const fenced = async (name: string): Promise<number> =>
      (await log(name)).filter((line) => line.includes(" Fenced:")).length;
    await vi.waitFor(async () => expect(await fenced("harmony-agent")).toBe(1), patience);
    const holder = await beat();
    expect(holder?.epoch).toBe(2);

    // Whoever writes any of the agent's keys from now on, the server hears it.
    const connection = await connect({ servers: url });
    onTestFinished(() => connection.close());
    const boots = new Set<string>();
    const beats = { count: 0 };
    connection.subscribe(`$KV.*.${agentId}`, {
      callback: (_, { subject, data }) => {
        const text = new TextDecoder().decode(data);
        const boot = /"bootId":"([^"]+)"/.exec(text)?.[1];
        if (boot !== undefined) boots.add(`${boot} ${/"epoch":(\d+)/.exec(text)?.[1]}`);
        if (subject.includes("heartbeat")) beats.count += 1;
      },
    });
    await connection.flush();
    const silent = (await log("harmony-agent")).length;
    expect(await fleet.apply(wanted("2"), agentId)).toMatchObject({ _tag: "Converged", status: { epoch: 2 } });
    await sleep(WATCHED_MS);
    expect(await fleet.apply(wanted("3"), agentId)).toMatchObject({ _tag: "Converged", status: { epoch: 2 } });
    expect([...boots]).toEqual([`${holder?.bootId} 2`]);
    expect(beats.count).toBeGreaterThan(0);
    expect(await log("harmony-agent")).toHaveLength(silent);
    expect([await fenced("harmony-agent"), await fenced("twin-agent")]).toEqual([1, 0]);
    expect(await machine.run(["systemctl", "is-active", "harmony-agent", "twin-agent"])).toBe("active\nactive\n");

    await machine.run(["systemctl", "restart", "harmony-agent"]);
    await vi.waitFor(async () => expect(await fenced("twin-agent")).toBe(1), patience);
    expect((await beat())?.epoch).toBe(3);
    expect(await fleet.apply(wanted("4"), agentId)).toMatchObject({ _tag: "Converged", status: { epoch: 3 } });
    expect(await fenced("harmony-agent")).toBe(1);
    tell(`two agents with one id for ${WATCHED_MS / 1000} s: one fenced, ${beats.count} heartbeats, all of epoch 2`);
  });
});
