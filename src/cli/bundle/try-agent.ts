import { execFile } from "node:child_process";
import * as z from "zod";
import { safeParse } from "../../wire/safe-parse.ts";

const DEADLINE_MS = 60_000;

const Told = z.object({ kinds: z.array(z.object({ kind: z.string(), version: z.number() })) });

/** Starts the bundle once, by itself, and looks which kinds it knows; a sentence where it does not start. */
export async function kindsKnownTo(
  file: string,
  signal: AbortSignal,
): Promise<readonly { readonly kind: string; readonly version: number }[] | { readonly problem: string }> {
  const options = { signal, timeout: DEADLINE_MS, maxBuffer: 16 * 1024 * 1024 };
  return new Promise((done) => {
    execFile(process.execPath, [file, "kinds", "--json"], options, (error, stdout, stderr) => {
      if (error !== null) {
        // The first lines are of the bundle's own text, which is on one line.
        const why = /^\w*Error: .*$/m.exec(stderr)?.[0] ?? stderr.trim().slice(-500);
        done({ problem: `it does not start: ${why === "" ? error.message.slice(0, 500) : why}` });
        return;
      }
      const read = safeParse(Told, jsonIn(stdout));
      done(read.success ? read.data.kinds : { problem: "it does not tell which kinds it knows" });
    });
  });
}

function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
