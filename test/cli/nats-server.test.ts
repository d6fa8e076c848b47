import { chmod, mkdir, mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { execFile, spawn } from "node:child_process";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { isAbsolute, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { connect } from "nats";
import { describe, expect, onTestFinished, test } from "vitest";
import { fetchNatsServer, findNatsServer, startNatsServer } from "../../src/cli/nats-server.ts";
import { cachedNatsServerPath } from "../../src/cli/nats-server-find.ts";
import { natsServer } from "../support/nats-server.ts";

async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "harmony-test-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

async function executable(path: string, script: string): Promise<string> {
  await mkdir(join(path, ".."), { recursive: true });
  await writeFile(path, `#!/bin/sh\n${script}\n`);
  await chmod(path, 0o755);
  return path;
}

describe("finding a nats-server", () => {
  test("NATS_SERVER wins over PATH", async () => {
    const folder = await temporaryFolder();
    const named = await executable(join(folder, "named"), "echo nats-server: v2.14.9");
    await executable(join(folder, "bin/nats-server"), "echo nats-server: v2.15.0");
    const found = await findNatsServer({ NATS_SERVER: named, PATH: join(folder, "bin") });
    expect(found).toEqual({ path: named, version: "2.14.9" });
  });

  test("an unusable NATS_SERVER is a problem, not a reason to take another one", async () => {
    const folder = await temporaryFolder();
    await executable(join(folder, "bin/nats-server"), "echo nats-server: v2.15.0");
    const found = await findNatsServer({ NATS_SERVER: join(folder, "missing"), PATH: join(folder, "bin") });
    expect(found).toEqual({ problem: expect.stringContaining("NATS_SERVER is set, but") });
  });

  test("one that is too old is passed over for the cached one", async () => {
    const folder = await temporaryFolder();
    const env = { PATH: join(folder, "bin"), XDG_CACHE_HOME: join(folder, "cache") };
    const old = await executable(join(folder, "bin/nats-server"), "echo nats-server: v2.9.10");
    // A usable server in /usr/sbin of this machine stands before the cache, and is as good an answer.
    expect(await findNatsServer(env)).not.toMatchObject({ path: old });
    const cached = await executable(cachedNatsServerPath(env), "echo nats-server: v2.10.0");
    const found = await findNatsServer(env);
    expect("path" in found && [cached, "/usr/sbin/nats-server", "/usr/local/sbin/nats-server"]).toContain(
      "path" in found ? found.path : found.problem,
    );
  });

  test("the cache follows XDG_CACHE_HOME only where that is an absolute path", () => {
    expect(cachedNatsServerPath({ XDG_CACHE_HOME: "/x", HOME: "/h" })).toBe("/x/harmony-edge/nats-server");
    expect(cachedNatsServerPath({ XDG_CACHE_HOME: "x", HOME: "/h" })).toBe("/h/.cache/harmony-edge/nats-server");
  });

  test("the cache is never in the working directory, whatever HOME says", () => {
    const homes = [{ HOME: "" }, { HOME: "here" }, {}];
    expect(homes.map((env) => isAbsolute(cachedNatsServerPath(env)))).toEqual([true, true, true]);
  });
});

describe("fetching a nats-server", () => {
  test("leaves nothing behind and names every way out when apt fails", async () => {
    const folder = await temporaryFolder();
    const path = process.env["PATH"];
    onTestFinished(() => void (process.env["PATH"] = path));
    await executable(join(folder, "bin/apt-get"), "echo 'E: no network in this test' >&2; exit 100");
    process.env["PATH"] = `${join(folder, "bin")}:${path}`;
    const said: string[] = [];
    const { signal } = new AbortController();
    const fetched = await fetchNatsServer((line) => said.push(line), signal, { XDG_CACHE_HOME: folder });
    const problem = "problem" in fetched ? fetched.problem : "";
    for (const way of ["no network in this test", "NATS_SERVER", "/usr/local/sbin", folder, "apt-get"]) {
      expect(problem).toContain(way);
    }
    expect(said.length).toBeGreaterThan(0);
    expect(await readdir(join(folder, "harmony-edge"))).toEqual([]);
  });

  test("stops when it is told to", async () => {
    const folder = await temporaryFolder();
    const told = AbortSignal.abort(new Error("told to stop"));
    const fetching = fetchNatsServer(() => undefined, told, { XDG_CACHE_HOME: folder });
    await expect(fetching).rejects.toThrow("told to stop");
  });
});

describe("running a nats-server", () => {
  test("it accepts clients, has JetStream, and is gone after stop", async () => {
    const server = await natsServer();
    const client = await connect({ servers: server.url });
    const account = await (await client.jetstreamManager()).getAccountInfo();
    expect(account.streams).toBe(0);
    await client.close();
    await server.stop();
    await server.stop();
    expect(() => process.kill(server.pid, 0)).toThrow("ESRCH");
  });

  test("a taken port is told in a sentence", async () => {
    const taken = createServer().listen(0, "127.0.0.1");
    onTestFinished(() => void taken.close());
    await new Promise((resolve) => taken.once("listening", resolve));
    const address = taken.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    const { signal } = new AbortController();
    const starting = startNatsServer({ port, storeDir: await temporaryFolder(), signal });
    await expect(starting).rejects.toThrow("address already in use");
  });

  test("the signal stops it", async () => {
    const stopping = new AbortController();
    const server = await startNatsServer({ storeDir: await temporaryFolder(), signal: stopping.signal });
    stopping.abort();
    await server.exited;
    expect(() => process.kill(server.pid, 0)).toThrow("ESRCH");
  });

  test("it does not outlive a parent that was killed", async ({ skip }) => {
    const hasSetpriv = await new Promise<boolean>((resolve) => {
      execFile("setpriv", ["--pdeathsig", "TERM", "true"], (error) => resolve(error === null));
    });
    skip(!hasSetpriv, "no setpriv with --pdeathsig on this machine");
    const folder = await temporaryFolder();
    // Bundled, so that a Node 20 without type stripping can run it as well.
    const module = join(folder, "nats-server.mjs");
    const source = fileURLToPath(new URL("../../src/cli/nats-server.ts", import.meta.url));
    await build({ entryPoints: [source], outfile: module, bundle: true, format: "esm", platform: "node" });
    const script = `
      const { startNatsServer } = await import(${JSON.stringify(module)});
      const { signal } = new AbortController();
      const { pid } = await startNatsServer({ storeDir: ${JSON.stringify(folder)}, signal });
      console.log(pid);`;
    const parent = spawn(process.execPath, ["--input-type=module", "-e", script], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const pid = Number(await new Promise<string>((resolve) => parent.stdout.once("data", (b) => resolve(String(b)))));
    expect(pid).toBeGreaterThan(0);
    parent.kill("SIGKILL");
    await expect.poll(() => isRunning(pid), { timeout: 10_000 }).toBe(false);
  });
});

/** A zombie counts as gone: nobody may be there to collect it. */
async function isRunning(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => undefined);
  return stat !== undefined && !/\) [ZX] /.test(stat);
}
