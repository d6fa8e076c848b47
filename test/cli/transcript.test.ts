import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { findNatsServer } from "../../src/cli/nats-server.ts";
import { AgentStatus } from "../../src/wire/status.ts";
import { pageAt, root } from "../docs/pages.ts";
import { freePort } from "../support/free-port.ts";
import { npmRegistry, packSelf, type Registry } from "../support/npm-registry.ts";

// It downloads what a new user downloads. No step waits for a time to pass.
const DEADLINE_MS = 240_000;
vi.setConfig({ testTimeout: DEADLINE_MS + 10_000, hookTimeout: 2 * DEADLINE_MS });

/** The commands of the shell blocks below a heading, each with what is said of it. */
function commandsOf(page: string, heading: string): readonly { readonly command: string; readonly about: string }[] {
  const { text, blocks } = pageAt(page);
  const from = text.split(`## ${heading}\n`)[0]?.split("\n").length ?? 0;
  const [section = ""] = text.split("\n").slice(from).join("\n").split(/^## /m);
  const to = from + section.split("\n").length;
  return blocks
    .filter(({ language, line }) => language === "sh" && line > from && line < to)
    .flatMap((block) => block.text.trimEnd().split("\n"))
    .map((line) => {
      const [, command = "", about = ""] = /^(.*?)(?:\s+# (.*))?$/.exec(line) ?? [];
      return { command, about };
    });
}

const walk = commandsOf("README.md", "From an empty folder");
/** The manifest that uses the kind, as the guide shows it. Whoever follows it types this in before they go on. */
const manifest = pageAt("docs/writing-a-score.md").blocks.find(({ text }) => text.includes("new MotdScore("))?.text;

/** What a command that is let run says once the next one can follow. */
const IS_UP: readonly (readonly [command: RegExp, says: RegExp])[] = [
  [/^npx harmony dev\b/, /^server: /m],
  [/^node agent\.cjs run\b/, / took an epoch /],
];

const scratch = mkdtempSync(join(tmpdir(), "harmony-test-transcript-"));
const folder = join(scratch, "my-fleet");
const home = join(scratch, "home");
const running: ChildProcess[] = [];
let registry: Registry;
/**
 * What differs from a new user's machine. harmony-edge is not published, so a registry on this machine has what would be,
 * and sends npm on to the real one for all else. The port may be taken, so another one stands for 4222. And the nats-server
 * that this machine has serves, as the home that `harmony dev` would fetch one into is empty.
 */
let port = "";
let env: NodeJS.ProcessEnv = {};
const asHere = (command: string): string => command.replace("--port 4222", `--port ${port}`);

beforeAll(async () => {
  mkdirSync(folder);
  mkdirSync(home);
  const upstream = spawnSync("npm", ["config", "get", "registry"], { cwd: tmpdir(), encoding: "utf8" }).stdout.trim();
  registry = await npmRegistry(await packSelf(root, scratch), upstream);
  port = await freePort();
  const nats = await findNatsServer();
  if ("problem" in nats) throw new Error(nats.problem);
  // Neither what this project has installed, nor what npm and vitest told this process.
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^(npm_|XDG_|HARMONY_|VITEST|NODE_(?!EXTRA_CA)|INIT_CWD|FORCE_COLOR)/i.test(name),
  );
  const folders = (process.env["PATH"] ?? "").split(delimiter).filter((each) => !each.includes("node_modules"));
  env = {
    ...Object.fromEntries(kept),
    HOME: home,
    PATH: folders.join(delimiter),
    npm_config_registry: registry.url,
    HARMONY_SERVER: `nats://127.0.0.1:${port}`,
    NATS_SERVER: nats.path,
  };
  // Where the machine's own Node is older than the README asks for, this one serves.
  const version = spawnSync("node", ["-p", "process.versions.node"], { env, encoding: "utf8" }).stdout?.trim() ?? "";
  if (!isNewEnough(version)) env["PATH"] = [dirname(process.execPath), ...folders].join(delimiter);
});

const isNewEnough = (version: string): boolean => {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major > 20 || (major === 20 && minor >= 19);
};

afterAll(async () => {
  for (const child of running.toReversed()) await end(child);
  await registry?.close();
  rmSync(scratch, { recursive: true, force: true });
});

/** The whole group: npx starts others. */
async function end(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once("exit", resolve));
  process.kill(-child.pid, "SIGTERM");
  if ((await Promise.race([ended, sleep(20_000, "late")])) === "late") process.kill(-child.pid, "SIGKILL");
}

/** Starts a line as a shell would, and resolves when it has ended, or has said so. */
async function follow(
  command: string,
  isUp?: RegExp,
): Promise<{ readonly code: number | null; readonly text: string }> {
  const child = spawn("bash", ["--noprofile", "--norc", "-c", `exec ${asHere(command)}`], {
    cwd: folder,
    env,
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  running.push(child);
  let text = "";
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`${command}: not within ${DEADLINE_MS} ms\n${text}`)), DEADLINE_MS);
    const done = (code: number | null): void => {
      clearTimeout(late);
      resolve({ code, text });
    };
    const take = (more: Buffer): void => {
      text += more.toString();
      if (isUp?.test(text) === true) done(null);
    };
    child.stdout.on("data", take);
    child.stderr.on("data", take);
    child.once("error", reject).once("close", (code) => done(code));
  });
}

/** Of a command that failed: those after it have nothing to go on from. */
let broken: string | null = null;
const message = join(folder, "pi/etc/motd.d/motd");

describe("from an empty folder to a kind of one's own on a device", () => {
  test("are under ten commands, and the README's are the guide's", () => {
    expect(walk.length).toBeGreaterThan(5);
    expect(walk.length).toBeLessThan(10);
    const guide = commandsOf("docs/writing-a-score.md", "A kind of your own");
    expect(guide.map(({ command }) => command)).toEqual(walk.map(({ command }) => command));
    expect(walk.filter(({ about }) => about.includes("let it run"))).toHaveLength(IS_UP.length);
  });

  test.each(walk)("$ $command", async ({ command, about }) => {
    expect(broken).toBe(null);
    broken = command;
    const [, isUp] = IS_UP.find(([which]) => which.test(command)) ?? [];
    expect(about.includes("let it run")).toBe(isUp !== undefined);
    const { code, text } = await follow(command, isUp);
    const wanted = isUp === undefined ? 0 : null;
    // All that it said is told where it did not end so.
    expect({ code, text: code === wanted ? "" : text }).toEqual({ code: wanted, text: "" });
    if (command.includes("new kind")) writeFileSync(join(folder, "site.ts"), manifest ?? "");
    if (command === "npm test") expect(text).toMatch(/17 passed/);
    broken = null;
  });

  test("came from the package as it would be published", () => {
    expect(registry.asked.filter((path) => path.endsWith(".tgz")).length).toBeGreaterThan(0);
    expect(existsSync(join(folder, "node_modules/harmony-edge/src"))).toBe(false);
  });

  test("the device has what the kind makes, and has it again after somebody changed it", async () => {
    const right = "  Welcome to the lab.\n  Mind the step.\n";
    expect(readFileSync(message, "utf8")).toBe(right);
    writeFileSync(message, "hacked\n");
    for (let tries = 0; tries < 1500 && readFileSync(message, "utf8") !== right; tries += 1) await sleep(20);
    expect(readFileSync(message, "utf8")).toBe(right);
  });

  test("the status tells the kind by its name", async () => {
    const { code, text } = await follow("npx harmony status pi-1 --json");
    expect(code).toBe(0);
    expect(AgentStatus.parse(JSON.parse(text)).scores["motd"]).toMatchObject({ kind: "Motd", state: "Ready" });
  });
});
