import { createHash } from "node:crypto";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import * as z from "zod";
import { objections } from "../../src/check/index.ts";
import { manifest, PiWithAuditedShellTopology, type ScoreStatus, ShellJobScore } from "../../src/index.ts";
import { onMachines, suiteMachines } from "./machine/for-tests.ts";
import type { Machine } from "./machine/machine.ts";
import { type Managed, managed } from "./machine/managed.ts";

const tags = ["shell"];
const patience = { timeout: 20_000, interval: 100 };
/** Nothing tells of a job's drift. Longer than any attempt here, or the agent would be at a failing one all the time. */
const FLAGS = ["--allow-audited-shell", "--drift-interval", "3s"];

type Spec = ConstructorParameters<typeof ShellJobScore>[0];

/** Leaves a line at each run, and is due until there is one. */
const counting = (name: string, more: Partial<Spec> = {}): ShellJobScore =>
  new ShellJobScore({
    name,
    check: ["/usr/bin/test", "-s", `/srv/${name}`],
    run: { script: `echo run >>/srv/${name}` },
    undo: ["/usr/bin/rm", "-f", `/srv/${name}`],
    runAs: "root",
    approver: "Ada",
    expires: new Date("2099-01-01T00:00:00.000Z"),
    ...more,
  });

const AuditDocument = z.object({
  isWhole: z.boolean(),
  last: z.int(),
  told: z.int(),
  records: z.array(z.object({ type: z.string(), recordSha256: z.string().optional() })),
});

const LastRun = z.object({ lastRun: z.looseObject({}) });
const lastRunOf = (status: ScoreStatus | undefined): Readonly<Record<string, unknown>> =>
  LastRun.parse(status?.details).lastRun;

onMachines("jobs on a booted Debian 13", () => {
  const boot = suiteMachines();
  const ends: (() => Promise<void>)[] = [];
  afterAll(async () => {
    for (const end of ends.splice(0).toReversed()) await end();
  });
  let machine: Machine;
  let device: Managed;
  beforeAll(async () => {
    machine = await boot({ name: "shell" });
    device = await managed(machine, { cleanup: (end) => void ends.push(end), flags: FLAGS });
    await vi.waitFor(() => device.capabilities(), patience);
  });

  /** Ships these jobs, and gives their statuses once all has come to rest. */
  async function apply(...jobs: readonly ShellJobScore[]): Promise<Readonly<Record<string, ScoreStatus>>> {
    const scores: Record<string, ShellJobScore> = {};
    for (const job of jobs) scores[job.spec.name] = job;
    const result = await device.fleet.apply(manifest(PiWithAuditedShellTopology, scores), device.agentId, {
      timeoutMs: 60_000,
    });
    if (result._tag !== "Converged" && result._tag !== "NotConverged") throw new Error(JSON.stringify(result));
    return result.status.scores;
  }

  async function audit(): Promise<readonly Readonly<Record<string, unknown>>[]> {
    const text = await machine.readFile("/var/lib/harmony-edge/agent/audit.jsonl");
    return text
      .trim()
      .split("\n")
      .map((line) => z.looseObject({}).parse(JSON.parse(line)));
  }

  const statusOf = async (name: string): Promise<ScoreStatus | undefined> => {
    const view = await device.fleet.status(device.agentId);
    return "status" in view && view.status._tag === "Known" ? view.status.status.scores[name] : undefined;
  };

  test("a job is run once; a new manifest and a new start of the agent do not run it again", { tags }, async () => {
    const job = counting("once");
    expect(await apply(job)).toMatchObject({ once: { state: "Ready", outcome: "SUCCESS" } });
    expect(await apply(job, counting("other"))).toMatchObject({ once: { state: "Ready" }, other: { state: "Ready" } });
    const checks = async (): Promise<number> =>
      (await audit()).filter(({ event, job: of }) => event === "checks" && of === "once").length;
    for (const end of [["restart"], ["kill", "--signal=KILL"]]) {
      const starts = async (): Promise<string> =>
        machine.run(["journalctl", "-u", "harmony-agent", "-o", "cat", "--grep", "going on from the ledger"]);
      const [before, looked] = [(await starts().catch(() => "")).length, await checks()];
      await machine.run(["systemctl", ...end, "harmony-agent.service"]);
      await vi.waitFor(async () => expect((await starts()).length).toBeGreaterThan(before), patience);
      // A pass of the new agent looks at it, and leaves another word of that on record.
      await vi.waitFor(async () => expect(await checks()).toBeGreaterThan(looked), patience);
    }
    expect(await machine.readFile("/srv/once")).toBe("run\n");
    expect((await audit()).filter(({ event, job: of }) => event === "begins" && of === "once")).toHaveLength(1);
    expect(lastRunOf(await statusOf("once"))).toMatchObject({ purpose: "run", exitCode: 0, approver: "Ada" });
  });

  test("what it made is made again when it is gone, and taken back when the job is", { tags }, async () => {
    await apply(counting("once"));
    await machine.run(["rm", "/srv/once"]);
    await vi.waitFor(async () => expect(await machine.readFile("/srv/once")).toBe("run\n"), patience);
    await vi.waitFor(
      async () => expect(await statusOf("once")).toMatchObject({ outcome: "SUCCESS", change: "corrective" }),
      patience,
    );
    await apply();
    expect(await machine.exec(["test", "-e", "/srv/once"])).toMatchObject({ code: 1 });
    expect((await audit()).at(-1)).toMatchObject({ event: "ended", purpose: "undo", job: "once" });
  });

  test("it runs as its user, in that user's groups, with none of the agent's rights", { tags }, async () => {
    await machine.run(["groupadd", "--gid", "4711", "sensors"]);
    await machine.run(["useradd", "--uid", "4712", "--create-home", "--groups", "sensors,dialout", "keeper"]);
    const script =
      "id -nu; id -nG; pwd; echo $HOME; grep CapEff /proc/self/status; cat /var/lib/harmony-edge/agent/audit.jsonl; cut -c1- /etc/shadow; echo kept >kept";
    const { who } = await apply(
      counting("who", {
        runAs: "keeper",
        workingDirectory: "/home/keeper",
        check: ["/usr/bin/test", "-s", "kept"],
        run: { script },
        undo: ["/usr/bin/rm", "kept"],
      }),
    );
    expect(who).toMatchObject({ state: "Ready" });
    expect(lastRunOf(who)["output"]).toBe(
      [
        "keeper",
        "keeper dialout sensors",
        "/home/keeper",
        "/home/keeper",
        "CapEff:\t0000000000000000",
        "cat: /var/lib/harmony-edge/agent/audit.jsonl: Permission denied",
        "cut: /etc/shadow: Permission denied",
        "",
      ].join("\n"),
    );
    expect(await machine.run(["stat", "-c", "%U", "/home/keeper/kept"])).toBe("keeper\n");
  });

  test("one that takes too long is ended with all that it started", { tags }, async () => {
    const script = "setsid sleep 4711 & sleep 4711 & sleep 4711";
    const { slow } = await apply(counting("slow", { run: { script }, timeoutSeconds: 1 }));
    expect(slow).toMatchObject({
      state: "Failed",
      error: { reason: "PortFailed", blame: "author", message: expect.stringContaining("was ended after 1 s") },
    });
    await apply();
    expect(await machine.exec(["pgrep", "-f", "sleep 4711"])).toMatchObject({ code: 1 });
  });

  test("of its output the end is told, without secrets", { tags }, async () => {
    const run = { script: 'head -c 5000000 /dev/zero | tr "\\0" x; echo "pin $PIN" >&2; echo y >/srv/wordy' };
    const { wordy } = await apply(counting("wordy", { run, environment: { PIN: "hunter2-hunter2" }, redact: ["PIN"] }));
    const { output, outputBytes } = z
      .looseObject({ output: z.string(), outputBytes: z.number() })
      .parse(lastRunOf(wordy));
    expect(output).toMatch(/^x+pin \[redacted\]\n$/);
    expect([Buffer.byteLength(output), outputBytes]).toEqual([4096, 5_000_020]);
    const places = ["/var/lib/harmony-edge/agent/audit.jsonl"];
    expect(await machine.exec(["grep", "-l", "hunter2", ...places])).toMatchObject({ code: 1 });
    const journal = await machine.run(["journalctl", "-u", "harmony-agent", "-o", "cat"]);
    expect(journal).not.toContain("hunter2");
    expect(JSON.stringify(await device.fleet.status(device.agentId))).not.toContain("hunter2");
  });

  test("one whose agent is killed under it is told as interrupted, and its check decides anew", { tags }, async () => {
    const run = { script: "echo run >>/srv/begun; test -e /srv/go || sleep 4712; echo done >/srv/killed" };
    const applied = apply(counting("killed", { run }));
    await vi.waitFor(async () => expect(await machine.readFile("/srv/begun")).toBe("run\n"), patience);
    await machine.writeFile("/srv/go", "");
    await machine.run(["systemctl", "kill", "--signal=KILL", "--kill-whom=main", "harmony-agent.service"]);
    expect(await applied).toMatchObject({ killed: { state: "Ready" } });
    expect(await machine.exec(["pgrep", "-f", "sleep 4712"])).toMatchObject({ code: 1 });
    expect(await machine.readFile("/srv/begun")).toBe("run\nrun\n");
    const events = (await audit())
      .filter(({ job, event }) => job === "killed" && event !== "checks")
      .map(({ event }) => event);
    expect(events).toEqual(["begins", "interrupted", "begins", "ended"]);
  });

  test("every line of what was run is on the agent's own record by its hash, and that is told", { tags }, async () => {
    const lines = (await machine.readFile("/var/lib/harmony-edge/agent/audit.jsonl")).trim().split("\n");
    const hashes = lines.map((line) => createHash("sha256").update(line).digest("hex"));
    await vi.waitFor(async () => {
      const ran = await machine.run(["/usr/local/bin/harmony-agent", "audit", "--json"]);
      const { isWhole, last, told, records } = AuditDocument.parse(JSON.parse(ran));
      // It is put on record first, so a kill can have kept a line from being written that is on record.
      const known = records.flatMap(({ recordSha256 }) => recordSha256 ?? []).filter((hash) => hashes.includes(hash));
      expect({ isWhole, told, known }).toEqual({ isWhole: true, told: last, known: hashes });
      expect(records.map(({ type }) => type)).toEqual(
        expect.arrayContaining(["AgentStarted", "ManifestAccepted", "JobBegins", "JobEnded", "JobInterrupted"]),
      );
    }, patience);
  });

  test(
    "one whose approval expires is not run any more, and what it made stays, also without it",
    { tags },
    async () => {
      const now = Date.parse((await machine.run(["date", "--iso-8601=seconds"])).trim());
      const brief = counting("brief", { expires: new Date(now + 6000) });
      expect(await apply(brief)).toMatchObject({ brief: { state: "Ready" } });
      await vi.waitFor(
        async () =>
          expect(await statusOf("brief")).toMatchObject({
            state: "Failed",
            details: { state: "expired" },
            error: {
              reason: "Obstructed",
              blame: "author",
              message: expect.stringContaining("the approval of Ada ended at"),
            },
          }),
        patience,
      );
      await machine.run(["rm", "/srv/brief"]);
      await machine.writeFile("/srv/brief", "by hand\n");
      await apply();
      expect(await machine.readFile("/srv/brief")).toBe("by hand\n");
      expect((await audit()).filter(({ job, event }) => job === "brief" && event === "begins")).toHaveLength(1);
    },
  );

  test(
    "without the flag the agent refuses them, in one sentence at every gate, and what they made stays",
    { tags },
    async () => {
      const job = counting("left");
      await apply(job);
      const before = await audit();
      await machine.run(["systemctl", "stop", "harmony-agent.service"]);
      const text = await machine.readFile("/etc/systemd/system/harmony-agent.service");
      await machine.writeFile("/etc/systemd/system/harmony-agent.service", text.replace("--allow-audited-shell", ""));
      await machine.run(["systemctl", "daemon-reload"]);
      await machine.run(["systemctl", "start", "harmony-agent.service"]);
      const sentence =
        "ShellJobScore requires AuditedShell, which PiTopology lacks: not enabled on this device (harmony agent run --allow-audited-shell)";
      await vi.waitFor(
        async () =>
          expect(await statusOf("left")).toMatchObject({
            state: "Refused",
            error: { reason: "MissingCapability", message: sentence },
          }),
        patience,
      );
      const document = await vi.waitFor(async () => {
        const told = await device.capabilities();
        expect(told.topology).toBe("PiTopology");
        return told;
      }, patience);
      const wanted = manifest(PiWithAuditedShellTopology, { left: job });
      expect(objections(wanted, [{ _tag: "Agent", document }]).map((each) => each.sentence)).toEqual([sentence]);
      expect(await device.fleet.apply(wanted, device.agentId)).toMatchObject({
        _tag: "Lacking",
        objections: [{ sentence }],
      });
      expect(await machine.readFile("/srv/left")).toBe("run\n");
      expect(await audit()).toEqual(before);
    },
  );
});
