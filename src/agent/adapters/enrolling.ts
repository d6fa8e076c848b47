import { X509Certificate } from "node:crypto";
import { mkdir, open, readFile, rm } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { enrolmentCode } from "../../wire/enrolment.ts";
import { credentialsFile } from "../../wire/nats/credentials.ts";
import { makeUserKey } from "../../wire/nats/nkey.ts";
import { deviceKeys } from "./showing-key.ts";
import { ENROLL_USAGE, parseEnroll } from "../enrol-arguments.ts";

interface Outputs {
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown };
}

/** `harmony agent enroll ...`. Resolves to the exit code. */
export async function enroll(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  { stdout, stderr }: Outputs,
  configured: readonly string[] = [],
): Promise<number> {
  const parsed = parseEnroll(argv, env, configured);
  if (parsed._tag === "Help") {
    stdout.write(ENROLL_USAGE);
    return 0;
  }
  if (parsed._tag === "Wrong") {
    stderr.write(`harmony agent enroll: ${parsed.message}\nSee: harmony agent enroll --help\n`);
    return 2;
  }
  const { agentId: id, authorityFile, state, json } = parsed.given;
  const file = resolve(parsed.given.credsFile);
  try {
    const authorities = authorityFile === null ? null : await readAuthority(authorityFile);
    const { publicKey: key, seed } = makeUserKey();
    await keep(file, credentialsFile(seed, authorities));
    const shown = state && { sealingKey: (await deviceKeys(state.root, state.directory)).published };
    const code = enrolmentCode({ id, key, ...shown });
    const document = { agentId: id, key, ...shown, code, creds: file };
    stdout.write(json ? `${JSON.stringify(document, null, 2)}\n` : `${code}\n`);
    stderr.write(`The key of ${id} is in ${file}, for nobody else to read.\n`);
    stderr.write("Where the fleet is kept, let this device in: harmony fleet accept CODE\n");
    return 0;
  } catch (error) {
    stderr.write(`harmony agent enroll: ${error instanceof Error ? error.message : String(error)}\n`);
    return 1;
  }
}

async function readAuthority(file: string): Promise<string> {
  const text = await readFile(file, "utf8").catch((error: unknown) => {
    throw new Error(`the authority in ${file} cannot be read: ${String(error)}`);
  });
  try {
    return new X509Certificate(text).toString();
  } catch (error) {
    throw new Error(`${file} holds no certificate in PEM`, { cause: error });
  }
}

/** On disk before the code is shown: a key that a power cut takes away would have been let in for nothing. */
async function keep(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const file = await open(path, "wx", 0o600).catch((error: unknown) => {
    if (error instanceof Error && "code" in error && error.code === "EEXIST") {
      throw new Error(
        `${path} is there already, and a key is never overwritten: name another file with --creds, or move this one away`,
        { cause: error },
      );
    }
    throw error;
  });
  try {
    await file.writeFile(text);
    await file.sync();
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  } finally {
    await file.close();
  }
  const folder = await open(dirname(path), "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
