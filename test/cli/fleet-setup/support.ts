import { spawnSync } from "node:child_process";
import { onTestFinished } from "vitest";
import { eventually } from "../../agent/support/eventually.ts";
import { harmony, type Ran } from "../in-process.ts";

/** Runs the server of the fleet in this folder, ready; gives what ends it, which the end of the test does too. */
export async function serveFleet(cwd: string): Promise<() => Promise<Ran>> {
  const interrupt = new AbortController();
  let said = "";
  const onOutput = (text: string): void => void (said += text);
  const serving = harmony(["fleet", "serve"], { cwd, signal: interrupt.signal, onOutput });
  const end = async (): Promise<Ran> => {
    interrupt.abort();
    return serving;
  };
  onTestFinished(async () => void (await end()));
  await eventually(
    "the server is ready",
    () => said.includes("serves the fleet"),
    () => said,
  );
  return end;
}

/** As on the device: makes its key, and gives what is printed. */
export function enrollOn(launcher: string, id: string, creds: string, authority: string) {
  const words = [launcher, "agent", "enroll", "--id", id, "--creds", creds, "--ca", authority];
  const { status, stdout, stderr } = spawnSync(process.execPath, words, { encoding: "utf8", timeout: 30_000 });
  return { status, code: stdout.trim(), stderr };
}
