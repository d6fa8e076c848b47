import * as z from "zod";
import { measure, scan } from "./scan.ts";
import { safeParse } from "./safe-parse.ts";

const LIMIT_BYTES = 256 * 1024;

export type ReadOwnerFile<T> =
  | { readonly _tag: "Read"; readonly value: T }
  | { readonly _tag: "Unusable"; readonly message: string };

/** Reads a file by which the owner of a device rules it, strictly. Never throws; the message says what is wrong where. */
export function readOwnerFile<T>(schema: z.ZodType<T>, bytes: Uint8Array): ReadOwnerFile<T> {
  const no = (message: string): ReadOwnerFile<T> => ({ _tag: "Unusable", message });
  if (bytes.length > LIMIT_BYTES) return no(`${bytes.length} bytes, at most ${LIMIT_BYTES}`);
  const unbounded = measure(bytes, { depth: 8, values: 4096 });
  if (unbounded !== null) return no(unbounded);
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    return no(`not JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  const wrong = scan(value);
  if (wrong !== null) return no(wrong);
  const read = safeParse(schema, value);
  return read.success ? { _tag: "Read", value: read.data } : no(z.prettifyError(read.error));
}
