import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, onTestFinished, test } from "vitest";
import { packageRoot } from "../../src/cli/package-root.ts";
import { AgentStatus } from "../../src/wire/status.ts";
import { CLUSTER, folder, harmony, type HowToRun, manifestOf, type Ran, SENTENCE } from "./in-process.ts";

// Real processes, on a machine that may do other things besides.
const launcher = join(packageRoot(), "bin/harmony.js");

/** The processes that were started for this root, by what they were called with. */
function processesOf(root: string): readonly { readonly pid: number; readonly words: readonly string[] }[] {
  return readdirSync("/proc").flatMap((name) => {
    if (!/^\d+$/.test(name) || Number(name) === process.pid) return [];
    try {
      const words = readFileSync(`/proc/${name}/cmdline`, "utf8").split("\0");
      return words.some((word) => word === root || word.startsWith(`${root}/`)) ? [{ pid: Number(name), words }] : [];
    } catch {
      // It ended meanwhile.
      return [];
    }
  });
}

async function until(what: string, holds: () => boolean): Promise<void> {
  for (let tries = 0; tries < 1500; tries += 1) {
    if (holds()) return;
    await sleep(20);
  }
  throw new Error(`waited in vain until ${what}`);
}

const status = (ran: Ran): AgentStatus => AgentStatus.parse(JSON.parse(ran.out));
const states = (ran: Ran): Record<string, string> =>
  Object.fromEntries(Object.entries(status(ran).scores).map(([id, { state }]) => [id, state]));

/** `dev` in this process, which goes on until it is told to end. */
function dev(argv: readonly string[], how: HowToRun) {
  const interrupt = new AbortController();
  onTestFinished(() => interrupt.abort());
  let text = "";
  const running = harmony(["dev", ...argv], {
    ...how,
    signal: interrupt.signal,
    onOutput: (more) => void (text += more),
  });
  const end = async (): Promise<Ran> => {
    interrupt.abort();
    return running;
  };
  return { running, end, text: () => text, url: () => /^server: (\S+)$/m.exec(text)?.[1] ?? "" };
}

/** As many editors do: a new file is put in the place of the old one. */
function save(path: string, text: string): void {
  writeFileSync(`${path}~`, text);
  renameSync(`${path}~`, path);
}

describe("dev --once", () => {
  test("seals for its own agent what is given of secrets", async () => {
    const cwd = folder({
      "m.js": `
        import { FileScore, manifest, PiTopology, secret } from "harmony-edge";
        export default manifest(PiTopology, { psk: new FileScore({ path: "/psk", content: secret("wifi-psk") }) });
      `,
      "secrets/wifi-psk": "correct horse",
    });
    const ran = await harmony(["dev", "m.js", "--once", "--root", "device", "--secrets", "secrets"], { cwd });
    expect([ran.code, ran.err]).toEqual([0, expect.stringContaining("sealed for dev: wifi-psk")]);
    expect(readFileSync(join(cwd, "device/psk"), "utf8")).toBe("correct horse");
    expect(ran.out + ran.err).not.toContain("correct horse");
    // What is there already need not be given again.
    const again = await harmony(["dev", "m.js", "--once", "--root", "device"], { cwd });
    expect([again.code, again.err]).toEqual([0, expect.stringContaining("dev has them already: wifi-psk")]);
  });

  test("brings the example about in a root of its own, shows the status document, and leaves nothing running", async () => {
    const root = join(folder(), "device");
    const ran = await harmony(["dev", "examples/kiosk.ts", "--once", "--json", "--root", root], { cwd: packageRoot() });
    expect(ran).toMatchObject({ code: 0 });
    expect(status(ran)).toMatchObject({
      agentId: "dev",
      generation: 1,
      observedGeneration: 1,
      agent: { topology: "PiTopology" },
    });
    expect(new Set(Object.values(states(ran)))).toEqual(new Set(["Ready"]));
    expect(readFileSync(join(root, "srv/kiosk/www/index.html"), "utf8")).toContain("<title>Departures</title>");
    expect(readFileSync(join(root, "srv/kiosk/www/icon.png")).subarray(1, 4).toString()).toBe("PNG");
    expect(JSON.parse(readFileSync(join(root, "etc/kiosk/settings.json"), "utf8"))).toMatchObject({ rotate: 90 });
    expect(processesOf(root)).toEqual([]);
    // All that is kept lies in one place inside the root.
    expect(readdirSync(join(root, "var/lib/harmony-edge")).toSorted()).toEqual(["agent", "nats"]);
  });

  test("on the same root goes on where the last one was: generations rise, and what was dropped is removed", async () => {
    const cwd = folder({ "m.ts": manifestOf({ a: ["/etc/a", "1"], b: ["/etc/b", "1"] }) });
    const run = () => harmony(["dev", "m.ts", "--once", "--json", "--root", "device"], { cwd });
    expect((await run()).code).toBe(0);
    save(join(cwd, "m.ts"), manifestOf({ a: ["/etc/a", "2"] }));
    const second = await run();
    expect(second).toMatchObject({ code: 0 });
    expect(status(second)).toMatchObject({ generation: 2, scores: { a: { outcome: "SUCCESS" } } });
    expect(states(second)).toEqual({ a: "Ready" });
    expect(readFileSync(join(cwd, "device/etc/a"), "utf8")).toBe("2");
    expect(existsSync(join(cwd, "device/etc/b"))).toBe(false);
    const third = await run();
    expect(status(third)).toMatchObject({ generation: 3, scores: { a: { outcome: "NOOP" } } });
  });

  test("ends with 1 when a Score fails, and says why", async () => {
    const cwd = folder({ "m.ts": manifestOf({ a: ["/etc/a", "1"], b: ["/etc/b", "1"] }, '{ after: { b: ["a"] } }') });
    mkdirSync(join(cwd, "device/etc/a"), { recursive: true });
    const { code, out, err } = await harmony(["dev", "m.ts", "--once", "--root", "device"], { cwd });
    expect({ code, out }).toEqual({ code: 1, out: "" });
    expect(err).toMatch(/^a \(File\) is Failed[^]*cause: {2}Obstructed: [^]*to do: /m);
    expect(err).toMatch(/dev has not converged on generation 1: a, b are not as declared/);
  });

  test("starts nothing for a FILE that does not fit, or cannot be loaded", async () => {
    const cwd = folder({ "fleet.js": CLUSTER, "broken.ts": "export default {]\n" });
    const lacking = await harmony(["dev", "fleet.js", "--once", "--root", "device"], { cwd });
    expect(lacking.code).toBe(1);
    expect(lacking.err).toContain(SENTENCE);
    expect((await harmony(["dev", "broken.ts", "--once", "--root", "device"], { cwd })).code).toBe(2);
    expect(existsSync(join(cwd, "device"))).toBe(false);
  });
});

describe("dev", () => {
  test("applies each save; a broken one is told, and the device stays as it was", async () => {
    const cwd = folder({
      "m.ts": manifestOf({ a: ["/etc/a", "1"], b: ["/etc/b", "1"] }),
      "lib/text.ts": 'export const text = "first";\n',
    });
    const [file, root] = [join(cwd, "m.ts"), join(cwd, "device")];
    const session = dev(["m.ts", "--root", "device"], { cwd });
    await until("the first was applied", () => session.text().includes("converged on generation 1"));

    save(file, "export default {]\n");
    await until("the broken one was told", () =>
      session.text().includes('m.ts:1:17: Expected identifier but found "]"'),
    );
    expect(readFileSync(join(root, "etc/b"), "utf8")).toBe("1");

    save(file, CLUSTER);
    await until("what does not fit was told", () => session.text().includes(SENTENCE));

    save(
      file,
      manifestOf({ a: ["/etc/a", "2"] })
        .replace('"2"', "text")
        .replace("import", 'import { text } from "./lib/text.ts";\nimport'),
    );
    await until("it was applied", () => session.text().includes("converged on generation 2"));
    expect(readFileSync(join(root, "etc/a"), "utf8")).toBe("first");
    expect(existsSync(join(root, "etc/b"))).toBe(false);

    // What FILE imports counts as well.
    save(join(cwd, "lib/text.ts"), 'export const text = "second";\n');
    await until("the import was applied", () => session.text().includes("converged on generation 3"));
    expect(readFileSync(join(root, "etc/a"), "utf8")).toBe("second");

    const { code, out } = await session.end();
    expect({ code, out }).toEqual({ code: 0, out: "" });
    expect(processesOf(root)).toEqual([]);
  });

  test("repairs what somebody changes on the device meanwhile, which status tells as corrective", async () => {
    const cwd = folder({ "m.ts": manifestOf({ a: ["/etc/a", "1"] }) });
    const session = dev(["m.ts", "--root", "device"], { cwd });
    await until("it was applied", () => session.text().includes("converged on generation 1"));
    writeFileSync(join(cwd, "device/etc/a"), "tampered");
    const env = { HARMONY_SERVER: session.url() };
    await until("it was repaired", () => readFileSync(join(cwd, "device/etc/a"), "utf8") === "1");
    let told = await harmony(["status", "dev", "--json"], { env });
    for (let tries = 0; tries < 200 && status(told).scores["a"]?.change !== "corrective"; tries += 1) {
      await sleep(50);
      told = await harmony(["status", "dev", "--json"], { env });
    }
    expect(status(told).scores["a"]).toMatchObject({ state: "Ready", outcome: "SUCCESS", change: "corrective" });
  });

  test("without a FILE serves an agent that others apply to, plan for and remove from", async () => {
    const cwd = folder({ "m.ts": manifestOf({ a: ["/etc/a", "1"] }) });
    const session = dev(["--root", "device"], { cwd });
    await until("it serves", () => session.text().includes("harmony apply FILE --agent dev"));
    const how = { cwd, env: { HARMONY_SERVER: session.url() } };
    // The agent may take a moment to come up, and a question does not wait for it.
    let planned = await harmony(["plan", "m.ts", "--agent", "dev", "--json"], how);
    for (let tries = 0; tries < 100 && planned.code === 4; tries += 1) {
      planned = await harmony(["plan", "m.ts", "--agent", "dev", "--json"], how);
    }
    expect(planned).toMatchObject({ code: 0 });
    expect(JSON.parse(planned.out)).toMatchObject({ _tag: "Plan", scores: { a: { would: "CHANGE" } } });
    expect(existsSync(join(cwd, "device/etc/a"))).toBe(false);
    expect((await harmony(["apply", "m.ts", "--agent", "dev"], how)).code).toBe(0);
    expect(readFileSync(join(cwd, "device/etc/a"), "utf8")).toBe("1");
    expect(JSON.parse((await harmony(["plan", "m.ts", "--agent", "dev", "--json"], how)).out)).toMatchObject({
      scores: { a: { would: "NOOP" } },
    });
    expect((await harmony(["remove", "dev", "--yes"], how)).code).toBe(0);
    expect(existsSync(join(cwd, "device/etc"))).toBe(false);
    expect((await session.end()).code).toBe(0);
  });

  test("ends with 1 and says so when its agent dies", async () => {
    const cwd = folder({ "m.ts": manifestOf({ a: ["/etc/a", "1"] }) });
    const session = dev(["m.ts", "--root", "device"], { cwd });
    await until("it was applied", () => session.text().includes("watching m.ts"));
    const agent = processesOf(join(cwd, "device")).find(({ words }) => words.includes("agent"));
    if (agent === undefined) throw new Error("there is no agent");
    process.kill(agent.pid, "SIGKILL");
    const { code, err } = await session.running;
    expect(code).toBe(1);
    expect(err).toMatch(/error: the agent ended: SIGKILL/);
    expect(processesOf(join(cwd, "device"))).toEqual([]);
  });

  test("has a root to itself", async () => {
    const cwd = folder();
    const session = dev(["--root", "device"], { cwd });
    await until("it serves", () => session.text().includes("harmony apply FILE"));
    const second = await harmony(["dev", "--root", "device"], { cwd });
    expect(second.code).toBe(1);
    expect(second.err).toMatch(/another harmony dev, process \d+, works on /);
    await session.end();
    // A lock that a killed one has left behind is none.
    writeFileSync(join(cwd, "device/var/lib/harmony-edge/dev.pid"), "999999999\n");
    const third = dev(["--root", "device"], { cwd });
    await until("it serves", () => third.text().includes("harmony apply FILE"));
    expect((await third.end()).code).toBe(0);
  });

  test("a port that is taken is told", async () => {
    const cwd = folder();
    const session = dev(["--root", "one"], { cwd });
    await until("it serves", () => session.text().includes("harmony apply FILE"));
    const { code, err } = await harmony(["dev", "--root", "two", "--port", new URL(session.url()).port], { cwd });
    expect(code).toBe(1);
    expect(err).toMatch(/address already in use/);
    expect(processesOf(join(cwd, "two"))).toEqual([]);
  });
});

/** The launcher, as a process of its own. */
const start = (argv: readonly string[], cwd: string) => {
  const child = spawn(process.execPath, [launcher, ...argv], { cwd, stdio: ["ignore", "pipe", "pipe"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  let [out, err] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => (out += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (err += text));
  const exited = new Promise<number | null>((resolve) => child.once("close", (code) => resolve(code)));
  return { child, exited, out: () => out, err: () => err };
};

describe("the launcher", () => {
  test.each(["SIGTERM", "SIGINT"] as const)("%s ends dev with 0, and its children with it", async (signal) => {
    const cwd = folder({ "m.ts": manifestOf({ a: ["/etc/a", "1"] }) });
    const { child, exited, err } = start(["dev", "m.ts", "--root", "device"], cwd);
    await until("it was applied", () => err().includes("watching m.ts"));
    expect(processesOf(join(cwd, "device"))).toHaveLength(2);
    child.kill(signal);
    expect({ code: await exited, err: err() }).toMatchObject({ code: 0 });
    expect(processesOf(join(cwd, "device"))).toEqual([]);
  });

  test("the built program knows the classes of a FILE, and says where an error in it is", async () => {
    const cwd = folder({
      "ok.ts": manifestOf({ a: ["/a", "1"] }),
      "bad.ts": manifestOf({ a: ["a", "1"] }),
      "promise.ts":
        'import { manifest, PiTopology } from "harmony-edge";\nexport default Promise.resolve(manifest(PiTopology, {}));\n',
      "js.js": CLUSTER,
    });
    const ok = start(["check", "ok.ts"], cwd);
    expect({ code: await ok.exited, err: ok.err() }).toMatchObject({ code: 0 });
    const bad = start(["check", "bad.ts", "--json"], cwd);
    expect(await bad.exited).toBe(2);
    expect(JSON.parse(bad.out())).toMatchObject({
      findings: [{ rule: "InvalidSpec", file: "bad.ts", line: 3, column: 8 }],
    });
    const promise = start(["check", "promise.ts"], cwd);
    expect(await promise.exited).toBe(2);
    expect(promise.err()).toContain("the default export is a promise: await it");
    const lacking = start(["check", "js.js"], cwd);
    expect(await lacking.exited).toBe(1);
    expect(lacking.err()).toContain(SENTENCE);
  });
});

describe("dev --kinds", () => {
  const MOTD = readFileSync(join(packageRoot(), "templates/kind/motd.ts"), "utf8");

  test("runs an agent that knows them, and another one once a file of theirs was saved", async () => {
    const cwd = folder({
      "motd.ts": MOTD,
      "kinds.ts": 'import { MotdScore } from "./motd.ts"; export default [MotdScore];',
      "site.ts": `import { manifest, PiTopology } from "harmony-edge"; import { MotdScore } from "./motd.ts";
export default manifest(PiTopology, { motd: new MotdScore({ text: "hello" }) });`,
      "device/etc/motd.d/theirs": "",
    });
    mkdirSync(join(cwd, "node_modules"));
    for (const name of ["zod", "@noble", "ts-pattern"]) {
      symlinkSync(join(packageRoot(), "node_modules", name), join(cwd, "node_modules", name));
    }
    const motd = (): string => {
      const path = join(cwd, "device/etc/motd.d/motd");
      return existsSync(path) ? readFileSync(path, "utf8") : "";
    };
    const run = dev(["site.ts", "--kinds", "kinds.ts", "--root", "device"], { cwd });
    await until("the message is there", () => motd() === "  hello\n" && run.text().includes("watching site.ts"));
    expect(MOTD).toContain("${line}\\n`");
    save(join(cwd, "motd.ts"), MOTD.replace("${line}\\n`", "** ${line}\\n`"));
    await until("the next agent has written its own", () => motd() === "  ** hello\n");
    expect(await run.end()).toMatchObject({ code: 0 });
    expect(run.text().match(/agent: \S+ started/g)).toHaveLength(2);
    expect(processesOf(join(cwd, "device"))).toEqual([]);
  });

  test("begins nothing where the agent cannot be built", async () => {
    const cwd = folder({ "kinds.js": "export default [];", "site.js": manifestOf({ a: ["/a", "1"] }) });
    const ran = await harmony(["dev", "site.js", "--once", "--kinds", "kinds.js", "--root", "device"], { cwd });
    expect(ran).toMatchObject({ code: 1, out: "", err: expect.stringContaining("the list is empty") });
    expect(existsSync(join(cwd, "device"))).toBe(false);
  });
});
