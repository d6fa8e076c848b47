// What the demos have in common: how they run the command line, and how they tell what happens.
import { execFile } from "node:child_process";
import { relative } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { AgentStatus } from "../../src/wire/status.ts";

export const here = (path: string): string => new URL(`../${path}`, import.meta.url).pathname;
export const HARMONY = here("../bin/harmony.js");

const stopping = new AbortController();
/** Fires at Ctrl-C and the like. */
export const interrupted = stopping.signal;
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.once(signal, () => stopping.abort(new Error(`stopped by ${signal}`)));
}

const colours = process.stdout.isTTY && process.env["NO_COLOR"] === undefined;
export const bold = (text: string): string => (colours ? `\u001b[1m${text}\u001b[22m` : text);
export const say = (text: string): void => void process.stdout.write(`${text}\n`);
export const chapter = (title: string): void => say(`\n${bold(`# ${title}`)}`);
export const indented = (text: string): string => text.trimEnd().replace(/^/gm, "    ");

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export const run = (command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ran> =>
  new Promise((resolve) => {
    const options = { env: { ...process.env, NO_COLOR: "1", ...env }, signal: interrupted, timeout: 120_000 };
    const child = execFile(command, [...args], options, (error, out, err) => {
      resolve({ code: error === null ? 0 : (child.exitCode ?? 1), out, err });
    });
  });

/** The command line, as a person at this server would use it. */
export interface Operator {
  /** Runs it, and shows what it says. */
  readonly harmony: (...args: readonly string[]) => Promise<Ran>;
  readonly status: () => Promise<AgentStatus>;
}

export function operator(server: string, agent: string): Operator {
  const env = { HARMONY_SERVER: server };
  return {
    async harmony(...args) {
      const project = here("../");
      const words = args.map((word) => (word.startsWith(project) ? relative(process.cwd(), word) : word));
      say(bold(`$ harmony ${words.join(" ")}`));
      const ran = await run(process.execPath, [HARMONY, ...args], env);
      interrupted.throwIfAborted();
      if (`${ran.out}${ran.err}`.trim() !== "") say(indented(`${ran.out}${ran.err}`));
      return ran;
    },
    async status() {
      const ran = await run(process.execPath, [HARMONY, "status", agent, "--json"], env);
      interrupted.throwIfAborted();
      return AgentStatus.parse(JSON.parse(ran.out));
    },
  };
}

/** Looks every 50 ms. @throws after 30 s in vain, or when the demo is interrupted */
export async function until<T>(what: string, look: () => Promise<T | undefined>): Promise<T> {
  for (const began = performance.now(); performance.now() - began < 30_000;) {
    const seen = await look();
    if (seen !== undefined) return seen;
    await sleep(50, undefined, { signal: interrupted });
  }
  throw new Error(`waited 30 s in vain: ${what}`);
}

/** `SUCCESS`, where all Scores are Ready with that outcome; else what each is. */
export function outcomeOf({ scores }: AgentStatus): string {
  const all = Object.entries(scores);
  const [, first] = all[0] ?? [];
  const same = all.every(([, { state, outcome }]) => state === "Ready" && outcome === first?.outcome);
  return same ? String(first?.outcome) : all.map(([id, { state, outcome }]) => `${id}: ${state} ${outcome}`).join(", ");
}
