import { readFile, rename, writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { LOCAL_USAGE, type LocalArguments, parseLocal } from "../local-arguments.ts";
import { askLocal, type Asked } from "./local-socket.ts";
import { statePath } from "./state-directory.ts";

interface Outputs {
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown };
}

/** `harmony agent take ...` and `harmony agent status ...`. Resolves to the exit code. */
export async function askAgent(
  argv: readonly string[],
  { stdout, stderr }: Outputs,
  configured: readonly string[] = [],
): Promise<number> {
  const name = `harmony agent ${argv[0] ?? ""}`;
  const parsed = parseLocal(argv, configured);
  if (parsed._tag === "Help") {
    stdout.write(LOCAL_USAGE);
    return 0;
  }
  if (parsed._tag === "Wrong") {
    stderr.write(`${name}: ${parsed.message}\nSee: ${name} --help\n`);
    return 2;
  }
  const { root, stateDir, asked } = parsed.given;
  const state = statePath(resolve(root), stateDir === null ? null : resolve(stateDir));
  try {
    const answer = await ask(state, asked);
    switch (answer._tag) {
      case "NotRunning":
        stderr.write(`${name}: ${answer.message}\n  Start it (harmony agent run), or name its --state-dir.\n`);
        return 4;
      case "Failed":
        stderr.write(`${name}: ${answer.message}\n`);
        return 1;
      case "Refused":
        if (asked._tag === "Take" && asked.json) stdout.write(`${JSON.stringify(answer, null, 2)}\n`);
        stderr.write(`${name}: ${answer.reason}: ${answer.message}\n  What is in force stays in force.\n`);
        return 1;
      case "Taken":
        if (asked._tag === "Take" && asked.json) stdout.write(`${JSON.stringify(answer, null, 2)}\n`);
        stderr.write(`Generation ${answer.generation} is in force on ${answer.agentId}.\n`);
        stderr.write("harmony agent status tells, signed, how it stands.\n");
        return 0;
      case "Status":
        await hand(asked, `${answer.bundle}\n`, stdout);
        return 0;
      case "Key":
        await hand(asked, answer.publicKey, stdout);
        return 0;
    }
  } catch (error) {
    stderr.write(`${name}: ${error instanceof Error ? error.message : String(error)}\n`);
    return 1;
  }
}

async function ask(state: string, asked: LocalArguments["asked"]): Promise<Asked> {
  switch (asked._tag) {
    case "Take":
      return askLocal(state, { ask: "take", bundle: await readFile(asked.file, "utf8") });
    case "Status":
      return askLocal(state, { ask: "status" });
    case "Key":
      return askLocal(state, { ask: "key" });
  }
}

async function hand(asked: LocalArguments["asked"], text: string, stdout: Outputs["stdout"]): Promise<void> {
  if (asked._tag === "Take" || asked.output === null) {
    stdout.write(text);
    return;
  }
  const path = resolve(asked.output);
  await writeFile(`${path}.new`, text);
  await rename(`${path}.new`, path);
}
