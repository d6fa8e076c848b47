import { beforeAll, describe, expect, test, vi } from "vitest";
import { manifest, PackageScore, PiTopology } from "../../src/index.ts";
import { packageWorld } from "../../src/testing/package-world.ts";
import { onMachines, suiteMachines } from "./machine/for-tests.ts";
import type { Machine } from "./machine/machine.ts";
import { type Managed, managed } from "./machine/managed.ts";
import { type Kept, promisesOn, testsOfPromises } from "./promises.ts";

/** Cases for each promise: each is some runs of apt. */
const RUNS = 3;
const patience = { timeout: 60_000, interval: 200 };
const tags = ["packages"];

const beacon = (version?: string) =>
  manifest(PiTopology, {
    beacon: new PackageScore({ name: "edge-beacon", ...(version === undefined ? {} : { version }) }),
  });
const greeter = (version: string, hold?: boolean) =>
  manifest(PiTopology, {
    greeter: new PackageScore({ name: "edge-greeter", version, ...(hold === undefined ? {} : { hold }) }),
  });
const slow = manifest(PiTopology, { slow: new PackageScore({ name: "edge-slow" }) });

onMachines("packages", () => {
  const boot = suiteMachines();
  let machine: Machine;
  let on: Managed;

  beforeAll(async () => {
    const cleanups: (() => Promise<void>)[] = [];
    machine = await boot({ name: "packed" });
    on = await managed(machine, { cleanup: (done) => void cleanups.push(done) });
    await addSlowPackage(machine);
    return async () => {
      for (const done of cleanups.toReversed()) await done();
    };
  });

  const versions = async (): Promise<Record<string, string>> => {
    const told = await machine.run([
      "dpkg-query",
      "-W",
      "-f",
      "${Package} ${db:Status-Want} ${db:Status-Status} ${Version}\n",
    ]);
    return Object.fromEntries(
      told.split("\n").flatMap((line): [string, string][] => {
        const [name = "", want = "", status, version = ""] = line.split(" ");
        if (!name.startsWith("edge-")) return [];
        return [[name, `${want === "hold" ? "held " : ""}${status === "installed" ? version : (status ?? "")}`]];
      }),
    );
  };
  const apply = async (wanted: Parameters<Managed["fleet"]["apply"]>[0]) => on.fleet.apply(wanted, on.agentId);
  const apt = async (...words: string[]) =>
    machine.run(["apt-get", "-y", "-q", "--allow-change-held-packages", ...words]);
  const status = async () => {
    const view = await on.fleet.status(on.agentId);
    return "status" in view && view.status._tag === "Known" ? view.status.status : undefined;
  };

  test("are offered, with the versions of dpkg and apt", { tags }, async () => {
    const { capabilities } = await vi.waitFor(async () => on.capabilities(), patience);
    expect(capabilities["PackageManager"]).toEqual({
      dpkg: expect.stringMatching(/^1\.2/),
      apt: expect.stringMatching(/^3\./),
      architecture: expect.stringMatching(/^(amd64|arm64)$/),
      distribution: "debian 13",
    });
  });

  test("are installed in the version that is wanted, with what they need", { tags }, async () => {
    expect(await apply(beacon("1.0"))).toMatchObject({
      _tag: "Converged",
      status: { scores: { beacon: { outcome: "SUCCESS", details: { status: "installed", version: "1.0" } } } },
    });
    expect(await versions()).toEqual({ "edge-beacon": "1.0", "edge-greeter": "2.0" });
  });

  test("are left alone, database and all, by an agent that starts anew", { tags }, async () => {
    const stat = async () => machine.run(["stat", "-c", "%i %y", "/var/lib/dpkg/status", "/var/lib/apt/lists/partial"]);
    const before = await stat();
    await machine.run(["systemctl", "restart", "harmony-agent.service"]);
    expect(await apply(beacon("1.0"))).toMatchObject({ _tag: "Converged" });
    expect(await stat()).toBe(before);
  });

  test.each([
    ["one is removed", ["purge", "edge-beacon"]],
    ["one is upgraded", ["install", "edge-beacon=2.0"]],
  ])("are mended when %s by hand", { tags }, async (_, words) => {
    await apt(...words);
    await vi.waitFor(async () => expect(await versions()).toMatchObject({ "edge-beacon": "1.0" }), patience);
  });

  test("are gone with their Score, with what came for its sake", { tags }, async () => {
    expect(await apply(manifest(PiTopology, {}))).toMatchObject({ _tag: "Converged" });
    await vi.waitFor(async () => expect(await versions()).toEqual({}), patience);
    expect(await machine.exec(["ls", "/etc/edge-greeter.conf"])).toMatchObject({ code: 2 });
  });

  test("that were there before their Score stay", { tags }, async () => {
    await apt("install", "edge-greeter=1.0");
    expect(await apply(greeter("1.0"))).toMatchObject({ status: { scores: { greeter: { outcome: "NOOP" } } } });
    expect(await apply(manifest(PiTopology, {}))).toMatchObject({ _tag: "Converged" });
    expect(await versions()).toEqual({ "edge-greeter": "1.0" });
  });

  test("keep a configuration that was edited when they are upgraded, and nobody is asked", { tags }, async () => {
    await machine.writeFile("/etc/edge-greeter.conf", "mine\n");
    expect(await apply(greeter(">= 2"))).toMatchObject({ _tag: "Converged" });
    expect(await versions()).toEqual({ "edge-greeter": "2.0" });
    expect(await machine.readFile("/etc/edge-greeter.conf")).toBe("mine\n");
  });

  test("are held in their version, downgraded, and a hold of others is respected", { tags }, async () => {
    expect(await apply(greeter("1.0", true))).toMatchObject({ _tag: "Converged" });
    expect(await versions()).toEqual({ "edge-greeter": "held 1.0" });
    await machine.run(["apt-mark", "unhold", "edge-greeter"]);
    await vi.waitFor(async () => expect(await versions()).toEqual({ "edge-greeter": "held 1.0" }), patience);
    expect(await apply(greeter("2.0"))).toMatchObject({
      _tag: "NotConverged",
      status: { scores: { greeter: { error: { message: expect.stringContaining("held") } } } },
    });
    expect(await apply(greeter("2.0", false))).toMatchObject({ _tag: "Converged" });
    expect(await versions()).toEqual({ "edge-greeter": "2.0" });
  });

  test("that others need are not removed, and the refusal names them", { tags }, async () => {
    await apt("install", "edge-beacon");
    const away = (mayRemove: string[]) =>
      manifest(PiTopology, { away: new PackageScore({ name: "edge-greeter", state: "absent", mayRemove }) });
    expect(await apply(away([]))).toMatchObject({
      _tag: "NotConverged",
      status: { scores: { away: { error: { message: expect.stringContaining("would also remove edge-beacon") } } } },
    });
    expect(await versions()).toEqual({ "edge-beacon": "2.0", "edge-greeter": "2.0" });
    expect(await apply(away(["edge-beacon"]))).toMatchObject({ _tag: "Converged" });
    expect(await versions()).toEqual({ "edge-greeter": "config-files" });
  });

  test("that no source has, or that nothing may remove, are refused in a sentence", { tags }, async () => {
    const wanted = manifest(PiTopology, {
      nope: new PackageScore({ name: "edge-nope" }),
      newer: new PackageScore({ name: "edge-beacon", version: ">= 3" }),
      dpkg: new PackageScore({ name: "dpkg", state: "absent" }),
    });
    const says = (text: string) => ({ error: { message: expect.stringContaining(text) } });
    expect(await apply(wanted)).toMatchObject({
      _tag: "NotConverged",
      status: {
        scores: {
          nope: says("No source of this device has a package edge-nope"),
          newer: says("edge-beacon (>= 3)"),
          dpkg: says("dpkg is essential"),
        },
      },
    });
    expect(await apply(manifest(PiTopology, {}))).toMatchObject({ _tag: "Converged" });
  });

  test("are installed to the end even where the agent is killed in the middle", { tags }, async () => {
    await machine.writeFile("/run/slow", "5");
    const shipped = apply(slow);
    await vi.waitFor(async () => expect(await machine.readFile("/run/slow-at-work")).toBe("yes\n"), patience);
    await machine.run(["systemctl", "kill", "--signal=KILL", "harmony-agent.service"]);
    expect(await machine.run(["systemctl", "is-active", "harmony-packages.service"])).toBe("active\n");
    await machine.run(["systemctl", "restart", "harmony-agent.service"]);
    await vi.waitFor(async () => expect(await versions()).toMatchObject({ "edge-slow": "1.0" }), patience);
    await shipped;
    await vi.waitFor(
      async () => expect((await status())?.scores).toMatchObject({ slow: { state: "Ready" } }),
      patience,
    );
    expect(await machine.readFile("/run/slow-count")).toBe("1\n");
  });

  test("that somebody else's killed dpkg left half done are brought to an end", { tags }, async () => {
    await machine.run(["rm", "/run/slow-at-work"]);
    const theirs = machine.exec(["dpkg", "-i", "/opt/slow/edge-slow_1.0_all.deb"]);
    await vi.waitFor(async () => expect(await machine.readFile("/run/slow-at-work")).toBe("yes\n"), patience);
    await machine.run(["rm", "/run/slow"]);
    await machine.run(["pkill", "-KILL", "-x", "dpkg"]);
    await machine.exec(["pkill", "-KILL", "-f", "edge-slow.postinst"]);
    await theirs;
    expect(await versions()).toMatchObject({ "edge-slow": "half-configured" });
    // Nothing tells of it; the agent sees it when it starts, and in its periodic pass.
    await machine.run(["systemctl", "restart", "harmony-agent.service"]);
    await vi.waitFor(async () => expect(await versions()).toMatchObject({ "edge-slow": "1.0" }), patience);
  });

  describe("as the contract of its kind has it", () => {
    let kept: readonly Kept[] = [];
    beforeAll(async () => {
      kept = await promisesOn(await boot({ name: "database" }), "packages.ts", String(RUNS));
    }, 300_000);
    testsOfPromises(packageWorld, "packages", () => kept);
  });
});

/** A package, in a source that the machine has not read yet, which takes its time to be set up as long as /run/slow says so. */
async function addSlowPackage(machine: Machine): Promise<void> {
  const control =
    "Package: edge-slow\nVersion: 1.0\nArchitecture: all\nMaintainer: Nobody <nobody@example.org>\nDescription: Takes its time\n";
  await machine.writeFile("/tmp/edge-slow/DEBIAN/control", control);
  await machine.writeFile(
    "/tmp/edge-slow/DEBIAN/postinst",
    '#!/bin/sh\nif [ -e /run/slow ]; then echo yes >/run/slow-at-work; sleep "$(cat /run/slow)"; fi\n' +
      "echo $(($(cat /run/slow-count 2>/dev/null || echo 0) + 1)) >/run/slow-count\n",
    "0755",
  );
  const script =
    "mkdir -p /opt/slow && cd /opt/slow && dpkg-deb -b /tmp/edge-slow . && deb=edge-slow_1.0_all.deb && " +
    `{ dpkg-deb -f $deb; printf 'Filename: ./%s\\nSize: %s\\nSHA256: %s\\n\\n' $deb "$(stat -c %s $deb)" ` +
    `"$(sha256sum <$deb | cut -d ' ' -f 1)"; } >Packages && ` +
    "echo 'deb [trusted=yes] file:/opt/slow ./' >/etc/apt/sources.list.d/slow.list";
  await machine.run(["sh", "-c", script]);
}
