import { Console } from "node:console";
import { createRequire } from "node:module";
import { Writable } from "node:stream";
import { type Bundle, HANDED } from "./manifest-bundle.ts";
import type { Problem } from "./problem.ts";
import type { Place } from "./score-places.ts";

/** For a FILE that waits for something at its top level. */
const LOAD_DEADLINE_MS = 30_000;

let loads = 0;

/** By which the next module that is run is known in stack traces. */
export const nextName = (): string => `harmony-manifest-${(loads += 1)}`;

interface HowToRun {
  readonly name: string;
  /** Takes what it prints. */
  readonly print: (text: string) => void;
  /** What it gets where it imports `harmony-edge`. */
  readonly library: Readonly<Record<string, unknown>>;
}

/** Runs it. The module's exports: not the default one alone, which would be awaited on its way. */
export async function runBundle({ code }: Bundle, { name, print, library }: HowToRun): Promise<object> {
  const stream = new Writable({
    decodeStrings: false,
    write(text, _encoding, done) {
      print(String(text));
      done();
    },
  });
  const handed = { library, createRequire, console: new Console(stream) };
  Object.defineProperty(globalThis, HANDED, { value: handed, configurable: true });
  // The name makes each load a module of its own and stands in stack traces in place of the whole text.
  const url = `data:text/javascript;base64,${Buffer.from(`${code}\n//# sourceURL=${name}\n`).toString("base64")}`;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const message = `it was not loaded within ${LOAD_DEADLINE_MS / 1000} s: something at its top level is waited for`;
    timer = setTimeout(() => reject(new Error(message)), LOAD_DEADLINE_MS);
  });
  try {
    const module: unknown = await Promise.race([import(url), late]);
    return typeof module === "object" && module !== null ? module : {};
  } finally {
    clearTimeout(timer);
  }
}

/** The place in FILE, or in what it imports, where something was thrown. */
export function problemOf(error: unknown, file: string, name: string, bundle: Bundle): Problem {
  const named = error instanceof Error && !/^(Error|InvalidSpec|InvalidManifest)$/.test(error.name);
  const message = error instanceof Error ? `${named ? `${error.name}: ` : ""}${error.message}` : String(error);
  const [place = { file }] = placesIn(error instanceof Error ? (error.stack ?? "") : "", name, bundle);
  return { ...place, message };
}

/** The innermost place in FILE itself, where there is one: it may have called something that it imports. */
export function placeIn(stack: string, name: string, file: string, bundle: Bundle): Place | null {
  const all = [...placesIn(stack, name, bundle)];
  return all.find((place) => place.file === file) ?? all[0] ?? null;
}

function* placesIn(stack: string, name: string, { origin }: Bundle): Generator<Place, void, void> {
  // A tool that prepares stack traces itself may leave the whole text in place of the name.
  for (const [, line, column] of stack.matchAll(new RegExp(`(?:${name}|;base64,[\\w+/=]+):(\\d+):(\\d+)`, "g"))) {
    const place = origin(Number(line), Number(column));
    if (place !== null) yield place;
  }
}
