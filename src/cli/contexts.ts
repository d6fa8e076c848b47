import { readFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import * as z from "zod";
import { configFolder } from "./config-folder.ts";
import type { Io } from "./io.ts";
import { writeWhole } from "./write-whole.ts";

/** A fleet that somebody works with. */
export const Context = z.strictObject({
  server: z.string().min(1),
  /** The path of the credentials, from the root; left out: none. */
  creds: z.string().min(1).exactOptional(),
});
export type Context = z.infer<typeof Context>;

export const ContextName = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/, "a name is 1 to 63 of letters, digits, `.`, `_` and `-`");

/** Those that a user has, and the one that holds where nothing else is said. It holds no secret. */
const Contexts = z.strictObject({
  version: z.literal(1),
  current: ContextName.nullable(),
  contexts: z.record(ContextName, Context),
});
export type Contexts = z.infer<typeof Contexts>;

const NONE: Contexts = { version: 1, current: null, contexts: {} };

export const contextsFile = ({ env }: Pick<Io, "env">): string => join(configFolder(env), "contexts.json");

/** None where there is no such file. */
export function readContexts(io: Pick<Io, "env">): Contexts | { readonly problem: string } {
  const file = contextsFile(io);
  try {
    const read = Contexts.safeParse(JSON.parse(readFileSync(file, "utf8")));
    if (read.success) return read.data;
    const [issue] = read.error.issues;
    return { problem: `${file} is not as harmony writes it: ${issue?.path.join(".") ?? ""}: ${issue?.message ?? ""}` };
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return NONE;
    return { problem: `${file} cannot be read: ${error instanceof Error ? error.message : String(error)}` };
  }
}

export async function writeContexts(io: Pick<Io, "env">, contexts: Contexts): Promise<void> {
  const file = contextsFile(io);
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  await writeWhole(file, `${JSON.stringify(contexts, null, 2)}\n`);
}
