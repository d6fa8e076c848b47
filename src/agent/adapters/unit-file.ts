import { mkdir, rename, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import type { UnitArguments } from "../arguments.ts";
import { DROP_IN, dropInText, UNIT, unitText } from "../cage/unit.ts";

interface Outputs {
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown };
}

/** `harmony agent unit ...`. Resolves to the exit code. `place`: of the drop-in that is written. */
export async function tellUnit(
  { how, command, ...caged }: UnitArguments,
  { stdout, stderr }: Outputs,
  place = DROP_IN,
): Promise<number> {
  if (how !== "write") {
    stdout.write(how === "whole" ? unitText(command, caged) : dropInText(caged));
    return 0;
  }
  try {
    await mkdir(dirname(place), { recursive: true });
    await writeFile(`${place}.new`, dropInText(caged), { mode: 0o644 });
    await rename(`${place}.new`, place);
  } catch (error) {
    stderr.write(`harmony agent unit: ${error instanceof Error ? error.message : String(error)}\n`);
    return 1;
  }
  stderr.write(`${place} is written. To have it in force: systemctl daemon-reload && systemctl restart ${UNIT}\n`);
  return 0;
}
