import { statSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, expect, test, vi } from "vitest";
import * as z from "zod";
import { build } from "../../scripts/build.mjs";
import { buildPackage } from "../../scripts/package.ts";
import { FileSystemHost, SystemdHost } from "../../src/capabilities/index.ts";
import {
  AgentId,
  DirectoryScore,
  FileScore,
  FirewallPortsScore,
  manifest,
  PiTopology,
  SystemdServiceScore,
  topology,
} from "../../src/index.ts";
import { encode, inlineEnvelope } from "../../src/wire/encode.ts";
import { onMachines, suiteMachines } from "./machine/for-tests.ts";
import { type ServedFleet, servedFleet } from "./machine/served-fleet.ts";
import type { Machine } from "./machine/machine.ts";
import { bundled } from "./promises.ts";

const tags = ["systemd", "packages"];
const patience = { timeout: 30_000, interval: 100 };
const ID = AgentId.parse("packaged");
const NEXT = "0.1.1~next";
const UNIT = "harmony-agent.service";
const CONFIG = "/etc/harmony-edge/agent.json";

/** The device's own configuration: files below /srv, and services. */
const Kiosk = topology("Kiosk", [FileSystemHost, SystemdHost]);
const page = new FileScore({ path: "/srv/page", content: "1\n", mode: "2755", group: "nogroup" });
const clock = new SystemdServiceScore({ name: "clock", exec: ["/usr/bin/sleep", "1000"] });
const kiosk = manifest(Kiosk, { page, clock, extra: new DirectoryScore({ path: "/srv/extra" }) });
const without = manifest(Kiosk, { page, clock });

/** The most that systemd-analyze may say against the unit: of 10, where 10 has no limits at all. */
const EXPOSURE_AT_MOST = { nothing: 2.2, kiosk: 3.5, all: 3.7 };

/** Numbers that are worth a look in the output of a run. */
const tell = (words: string): void => void process.stdout.write(`${words}\n`);

onMachines("the agent's package", () => {
  const boot = suiteMachines();
  let machine: Machine;
  let cwd = "";
  let at: ServedFleet;
  const debs = { now: "", next: "" };

  const show = async (property: string, unit = UNIT): Promise<string> =>
    (await machine.run(["systemctl", "show", "--value", "--property", property, unit])).trim();
  const apt = async (...words: readonly string[]): Promise<string> =>
    machine.run(["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-y", "-q", ...words], { timeoutMs: 60_000 });
  const status = async () => {
    const view = await at.fleet.status(ID);
    if (!("status" in view) || view.status._tag !== "Known") throw new Error("nothing is known");
    return view.status.status;
  };
  const converged = async (wanted: typeof kiosk): Promise<void> =>
    expect(await at.fleet.apply(wanted, ID, { signers: at.signers, timeoutMs: 40_000 })).toMatchObject({
      _tag: "Converged",
    });
  const exposure = async (): Promise<number> => {
    const told = await machine.run(["systemd-analyze", "security", "--no-pager", UNIT]);
    return Number(/Overall exposure level for \S+: ([\d.]+)/.exec(told)?.[1]);
  };
  const configure = async (more: Readonly<Record<string, unknown>>): Promise<void> => {
    const url = `tls://198.51.100.1:${new URL(at.server).port}`;
    const trust = ["author=/etc/harmony-edge/author.pub"];
    const creds = "/etc/harmony-edge/agent.creds";
    await machine.writeFile(CONFIG, JSON.stringify({ server: url, creds, trust, ...more }));
    await machine.run(["harmony", "agent", "unit", "--write", "--config", CONFIG]);
    await machine.run(["systemctl", "daemon-reload"]);
  };

  beforeAll(async () => {
    const ends: (() => Promise<void>)[] = [];
    cwd = await mkdtemp(join(tmpdir(), "harmony-test-package-"));
    ends.push(() => rm(cwd, { recursive: true, force: true }));
    // The next version is the same but for its name: what it says of itself tells which one runs.
    await build(["agent"], cwd);
    debs.now = await buildPackage({ outdir: cwd, bundle: join(cwd, "agent.cjs") });
    const text = await readFile(join(cwd, "agent.cjs"), "utf8");
    await writeFile(join(cwd, "next.cjs"), text.replaceAll('"0.1.0"', `"${NEXT}"`));
    debs.next = await buildPackage({ outdir: cwd, version: NEXT, bundle: join(cwd, "next.cjs") });

    at = await servedFleet({ cwd, hosts: ["198.51.100.1"], cleanup: (end) => void ends.push(end) });
    machine = await boot({ name: ID });
    await machine.natsUrl({ url: at.server });
    await machine.writeFile("/root/now.deb", await readFile(debs.now));
    await machine.writeFile("/root/next.deb", await readFile(debs.next));
    await machine.writeFile("/root/ca.pem", await readFile(join(cwd, "fleet/device/ca.pem")));
    return async () => {
      for (const end of ends.toReversed()) await end();
    };
  }, 120_000);

  test(
    "is installed by apt with what it needs, enabled, and waits without a failure to be enrolled",
    { tags },
    async () => {
      await apt("install", "/root/now.deb");
      expect(await machine.run(["dpkg-query", "-W", "-f", "${Depends} ${Conffiles}", "harmony-agent"])).toMatch(
        /nodejs \(>= 20\.19\).* \/etc\/harmony-edge\/agent\.json /s,
      );
      expect(await show("UnitFileState")).toBe("enabled");
      expect([await show("ActiveState"), await show("ConditionResult"), await show("NRestarts")]).toEqual([
        "inactive",
        "no",
        "0",
      ]);
      expect(await machine.run(["systemctl", "--failed", "--plain", "--no-legend"])).toBe("");
      // As it is shipped it lets in all that a Pi offers.
      const all = await exposure();
      await machine.run(["mv", "/etc/systemd/system/harmony-agent.service.d/20-cage.conf", "/root"]);
      await machine.run(["systemctl", "daemon-reload"]);
      const nothing = await exposure();
      tell(`the package has ${statSync(debs.now).size} bytes; exposure ${all} with all, ${nothing} without any`);
      expect(all).toBeLessThanOrEqual(EXPOSURE_AT_MOST.all);
      expect(nothing).toBeLessThanOrEqual(EXPOSURE_AT_MOST.nothing);
      expect(await machine.run(["systemd-analyze", "verify", "--man=no", UNIT])).toBe("");
      expect(await machine.run(["bash", "-c", COMPLETES])).toBe("--capability --config\n");
    },
  );

  test(
    "is enrolled into a fleet, and makes the device so within what its configuration enables",
    { tags },
    async () => {
      await machine.writeFile("/etc/harmony-edge/author.pub", await readFile(join(cwd, "fleet/device/author.pub")));
      await configure({ capability: ["FileSystemHost", "SystemdHost"], path: ["/srv"] });
      const enroll = ["harmony", "agent", "enroll", "--config", CONFIG, "--ca", "/root/ca.pem"];
      const code = (await machine.run(enroll)).trim();
      await at.harmony("fleet", "accept", code);
      await machine.run(["systemctl", "start", UNIT]);
      await vi.waitFor(async () => {
        const { absent, capabilities } = await known();
        expect(Object.keys(capabilities).toSorted()).toEqual(["FileSystemHost", "SystemdHost"]);
        expect(absent["PacketFilter"]).toMatch(/not enabled on this device/);
      }, patience);
      await converged(kiosk);
      // Its cage lets it read the journal, and its grants have it asked.
      const asking = ["--server", at.server, "--creds", "fleet/keys/author.creds"];
      const told = await at.harmony("logs", ID, "clock", ...asking);
      expect(told).toMatch(/systemd\[1\]: Started clock\.service/);
      expect(await at.harmony("logs", ID, "-n", "1000", ...asking)).toMatch(
        /harmony-agent\[\d+\]|node\[\d+\]|harmony\[\d+\]/,
      );
      const score = await exposure();
      tell(`exposure ${score} with files below /srv and services`);
      expect(score).toBeLessThanOrEqual(EXPOSURE_AT_MOST.kiosk);
    },
  );

  const known = async () => {
    const found = await at.store.get("capabilities", ID);
    if (found._tag !== "Value") throw new Error(`the capabilities are ${found._tag}`);
    return z
      .object({ capabilities: z.record(z.string(), z.unknown()), absent: z.record(z.string(), z.string()) })
      .parse(JSON.parse(Buffer.from(found.value).toString()));
  };

  test("an operation that is not declared is refused by the compiler", { tags }, async () => {
    const wall = new FirewallPortsScore({ name: "undeclared", ports: [{ port: 80 }] });
    // @ts-expect-error "FirewallPortsScore requires PacketFilter, which Kiosk lacks"
    const refused = manifest(Kiosk, { wall });
    // What got around it is not shipped either.
    expect(await at.fleet.apply(refused, ID, { signers: at.signers })).toMatchObject({ _tag: "Lacking" });
  });

  test("and by the decoder on the device, where it was shipped all the same", { tags }, async () => {
    const { generation } = await status();
    const wall = new FirewallPortsScore({ name: "undeclared", ports: [{ port: 80 }] });
    const forced = encode(manifest(PiTopology, { page, clock, wall }), {
      agentId: ID,
      generation: generation + 1,
      issuedAt: new Date(),
      signers: at.signers,
    });
    if (forced._tag !== "Encoded") throw new Error(forced._tag);
    expect(await at.store.put("desired-state", ID, inlineEnvelope(forced.payload, forced.signatures))).toMatchObject({
      _tag: "Written",
    });
    await vi.waitFor(
      async () =>
        expect((await status()).scores["wall"]).toMatchObject({
          state: "Refused",
          error: { reason: "MissingCapability" },
        }),
      patience,
    );
    expect((await machine.exec(["nft", "list", "table", "inet", "harmony"])).code).toBe(1);
    await converged(kiosk);
  });

  test("and by the operating system, where both are got around: the same code in the same unit", { tags }, async () => {
    await machine.run(["systemctl", "start", "podman.socket"]);
    await machine.writeFile("/opt/undeclared.mjs", await bundled("undeclared.ts"));
    const tried = async (file: string) =>
      z.record(z.string(), z.string().nullable()).parse(JSON.parse(await machine.readFile(file)));
    // Without the cage all of it works.
    await machine.run(["node", "/opt/undeclared.mjs", "/root/tried.json"]);
    const free = await tried("/root/tried.json");
    expect(Object.entries(free).filter(([, told]) => told !== null)).toEqual([]);
    const undo = `nft delete table inet harmony; ip address del 203.0.113.77/32 dev eth1; umount /mnt
rm -f /etc/undeclared /usr/undeclared /srv/declared /etc/systemd/system/harmony-agent.service.d/99-open.conf`;
    await machine.run(["sh", "-ec", undo]);

    const instead = `/run/systemd/system/${UNIT}.d/90-instead.conf`;
    const out = "/var/lib/harmony-edge/agent/tried.json";
    await machine.writeFile(
      instead,
      `[Service]\nType=oneshot\nRestart=no\nWatchdogSec=0\nExecStart=\nExecStart=/usr/bin/node /opt/undeclared.mjs ${out}\n`,
    );
    await machine.run(["systemctl", "daemon-reload"]);
    await machine.run(["systemctl", "restart", UNIT]);
    const caged = await tried(out);
    tell(`refused by the operating system: ${JSON.stringify(caged, null, 1)}`);
    expect(caged).toEqual({
      "a port": expect.stringMatching(/not supported/),
      "an address": expect.stringMatching(/not supported/),
      "a file in /etc": expect.stringMatching(/read-only/i),
      "a file in /usr": expect.stringMatching(/read-only/i),
      "the agent's configuration": expect.stringMatching(/EROFS/),
      "the agent's cage": expect.stringMatching(/EROFS/),
      "a mount": expect.stringMatching(/permission denied|not permitted|must be superuser/i),
      "a namespace": expect.stringMatching(/not permitted/i),
      "a kernel setting": expect.stringMatching(/EROFS|EACCES|EPERM/),
      "podman's socket": expect.stringMatching(/EACCES|ENOENT/),
      "what is declared": null,
      "new privileges": "none",
    });
    await machine.run(["rm", instead, out, "/srv/declared"]);
    await machine.run(["systemctl", "daemon-reload"]);
    const { epoch } = await status();
    await machine.run(["systemctl", "start", UNIT]);
    await vi.waitFor(async () => expect((await status()).epoch).toBe(epoch + 1), patience);
  });

  /** Puts in another version, and sees that nothing but the agent is another one. */
  const changedTo = async (version: string, install: () => Promise<unknown>): Promise<void> => {
    const made = ["sh", "-c", "stat -c '%i %y' /srv/page /srv/extra; systemctl show -p MainPID clock.service"];
    const there = await machine.run(made);
    const before = { agent: await show("MainPID"), config: await machine.readFile(CONFIG), status: await status() };
    await install();
    await vi.waitFor(async () => {
      const { agent, epoch } = await status();
      expect({ version: agent.version, epoch }).toEqual({ version, epoch: before.status.epoch + 1 });
    }, patience);
    expect(await show("MainPID")).not.toBe(before.agent);
    expect(await machine.run(made)).toBe(there);
    expect(await machine.readFile(CONFIG)).toBe(before.config);
    const { generation, scores } = await status();
    expect(generation).toBe(before.status.generation);
    expect(Object.values(scores).map(({ state, change }) => `${state} ${change}`)).toEqual(
      Object.values(scores).map(() => "Ready intentional"),
    );
  };

  test("is upgraded: the agent alone is started anew", { tags }, async () => {
    await changedTo(NEXT, () => apt("install", "/root/next.deb"));
    expect(await machine.run(["dpkg-query", "-W", "-f", "${Version}", "harmony-agent"])).toBe(NEXT);
  });

  test("is rolled back, and still knows what it made", { tags }, async () => {
    await changedTo("0.1.0", () => apt("install", "--allow-downgrades", "/root/now.deb"));
    await converged(without);
    expect((await machine.exec(["test", "-e", "/srv/extra"])).code).toBe(1);
  });

  test("one that was stopped stays so over an upgrade", { tags }, async () => {
    await machine.run(["systemctl", "stop", UNIT]);
    await apt("install", "/root/next.deb");
    expect(await show("ActiveState")).toBe("inactive");
  });

  test(
    "is removed but for its state and its key, and purged without a trace; what it made works on",
    { tags },
    async () => {
      await apt("remove", "harmony-agent");
      expect((await machine.exec(["test", "-s", "/etc/harmony-edge/agent.creds"])).code).toBe(0);
      expect((await machine.exec(["test", "-s", "/var/lib/harmony-edge/agent/manifest.json"])).code).toBe(0);
      await machine.run(["rm", "/etc/harmony-edge/author.pub"]);
      await apt("purge", "harmony-agent");
      const left = "find / -xdev -name '*harmony*' -not -path '/proc/*' -not -path '/var/log/*' -not -path '/opt/*'";
      expect(await machine.run(["sh", "-c", left])).toBe("");
      expect(await show("LoadState")).toBe("not-found");
      expect((await machine.exec(["dpkg-query", "-W", "harmony-agent"])).code).toBe(1);
      expect(await show("ActiveState", "clock.service")).toBe("active");
      expect(await machine.readFile("/srv/page")).toBe("1\n");
    },
  );
});

/** What a shell offers after `harmony agent run --ca` and `--conf`. */
const COMPLETES = `. /usr/share/bash-completion/completions/harmony
for word in --cap --conf; do
  COMP_WORDS=(harmony agent run "$word"); COMP_CWORD=3; COMPREPLY=(); _harmony
  all+=("\${COMPREPLY[@]}")
done
echo "\${all[@]}"`;
