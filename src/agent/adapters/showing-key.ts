import { resolve } from "node:path";
import { keyIdOf } from "../../wire/secrets/sealed.ts";
import { DeviceKeys } from "../device-keys.ts";
import { KEY_USAGE, parseKey } from "../key-arguments.ts";
import { StateDirectory } from "./state-directory.ts";

interface Outputs {
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown };
}

/** `harmony agent key ...`. Resolves to the exit code. */
export async function showKey(
  argv: readonly string[],
  { stdout, stderr }: Outputs,
  configured: readonly string[] = [],
): Promise<number> {
  const parsed = parseKey(argv, configured);
  if (parsed._tag === "Help") {
    stdout.write(KEY_USAGE);
    return 0;
  }
  if (parsed._tag === "Wrong") {
    stderr.write(`harmony agent key: ${parsed.message}\nSee: harmony agent key --help\n`);
    return 2;
  }
  const { root, stateDir, renew, json } = parsed.given;
  try {
    const keys = await deviceKeys(root, stateDir, renew);
    const { published } = keys;
    const document = { key: keyIdOf(published), sealingKey: published, opens: [...keys.own.keys()] };
    stdout.write(json ? `${JSON.stringify(document, null, 2)}\n` : `${document.key}\n`);
    if (renew) {
      stderr.write("It is published from the agent's next start on. Then ship the secrets again, and say --pin.\n");
    }
    return 0;
  } catch (error) {
    stderr.write(`harmony agent key: ${error instanceof Error ? error.message : String(error)}\n`);
    return 1;
  }
}

/** Those of the state directory; a new one is made where there is none, or where that is asked for. */
export async function deviceKeys(root: string, stateDir: string | null, renew = false): Promise<DeviceKeys> {
  const state = await StateDirectory.open(resolve(root), stateDir === null ? null : resolve(stateDir));
  return renew ? DeviceKeys.renew(state, new Date()) : DeviceKeys.open(state, new Date(), () => {});
}
