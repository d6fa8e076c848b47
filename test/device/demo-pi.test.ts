import { spawn } from "node:child_process";
import { chmod, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { onMachines } from "./machine/for-tests.ts";

const project = fileURLToPath(new URL("../..", import.meta.url));

interface Ended {
  /** The exit code, or the signal that ended it. */
  readonly by: number | string | null;
  readonly out: string;
  readonly err: string;
  /** What it left in its folder for temporary files. */
  readonly left: readonly string[];
}

/** Runs the demo as `npm run demo:pi` does once all is installed. `onOutput` gets a way to press Ctrl-C. */
async function demo(
  env: Readonly<Record<string, string>> = {},
  onOutput: (out: string, pressCtrlC: () => void) => void = () => {},
): Promise<Ended> {
  const scratch = await mkdtemp(join(tmpdir(), "harmony-test-demo-"));
  onTestFinished(async () => rm(scratch, { recursive: true, force: true }));
  const child = spawn(
    join(project, "node_modules/.bin/node"),
    ["--conditions=harmony-edge-source", "examples/demo-pi.ts"],
    {
      cwd: project,
      env: { ...process.env, TMPDIR: scratch, ...env },
      stdio: ["ignore", "pipe", "pipe"],
      // A terminal sends Ctrl-C to all processes of a group.
      detached: true,
    },
  );
  let [out, err] = ["", ""];
  let pressed = false;
  const pressCtrlC = (): void => {
    if (!pressed && child.pid !== undefined) process.kill(-child.pid, "SIGINT");
    pressed = true;
  };
  child.stdout.on("data", (chunk: Buffer) => {
    out += chunk.toString();
    onOutput(out, pressCtrlC);
  });
  child.stderr.on("data", (chunk: Buffer) => (err += chunk.toString()));
  onTestFinished(() => void child.kill("SIGKILL"));
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => {
      readdir(scratch).then((left) => resolve({ by: code ?? signal, out, err, left }), reject);
    });
  });
}

onMachines("the demo on a booted machine", () => {
  test("shows the whole road, and leaves nothing", { tags: ["systemd", "podman", "network"] }, async () => {
    const { by, out, err, left } = await demo();
    if (by !== 0) throw new Error(`it ended with ${by}: ${out}${err}`);
    expect(out.match(/^# .*$/gm)).toEqual([
      "# A machine: Debian 13 with systemd, podman and a network of its own",
      "# A kiosk travels to it",
      "# Once more: nothing to do, and nothing is done",
      "# How it stands",
      "# Somebody tampers; it is repaired",
      "# It is removed",
      "# The machine is switched off",
    ]);
    // Nobody watches a pipe in colour.
    expect(out).not.toContain("\u001b");
    expect(left).toEqual([]);
  });

  test("cleans up when it is interrupted", { tags: ["systemd"] }, async () => {
    const { by, err, left } = await demo({}, (out, pressCtrlC) => {
      if (out.includes("# A kiosk travels to it")) pressCtrlC();
    });
    expect(err).toContain("stopped by SIGINT");
    expect(by).toBe(130);
    expect(left).toEqual([]);
  });

  test("says in one line what to do where no machine can boot", async () => {
    const folder = await mkdtemp(join(tmpdir(), "harmony-test-"));
    onTestFinished(async () => rm(folder, { recursive: true }));
    await writeFile(join(folder, "unshare"), "#!/bin/sh\necho 'unshare: not permitted' >&2\nexit 1\n");
    await chmod(join(folder, "unshare"), 0o755);
    const { by, out, err } = await demo({ PATH: `${folder}:${process.env["PATH"]}` });
    expect(by).toBe(2);
    expect(out).toBe("");
    expect(err).toMatch(/^demo:pi boots a real machine, and cannot here: root lacks .* Run it as root on Debian .*\n$/);
  });
});
