import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import * as z from "zod";
import { progressLine, type ProgressLine } from "../apply-progress.ts";
import { type AddCommand, duration, examples, port } from "../command.ts";
import { DEV_AGENT, startMachine } from "../dev/machine.ts";
import { OwnAgent } from "../dev/own-agent.ts";
import { applyAtEachSave, applyOnce, loadFitting, serveOnly } from "../dev/work.ts";
import { EXIT, type ExitCode } from "../exit-code.ts";
import { printable } from "../paint.ts";
import { addSecretSources, SecretFlags } from "../secret-options.ts";
import type { Session } from "../session.ts";

const Args = z.tuple([z.string().optional()]);
const Options = z.object({
  root: z.string().optional(),
  once: z.boolean().default(false),
  port: z.number(),
  timeout: z.number(),
  kinds: z.string().optional(),
  ...SecretFlags.pick({ secret: true, secrets: true }).shape,
});
type Options = z.infer<typeof Options>;

export const addDev: AddCommand = (program, run) => {
  const command = program
    .command("dev")
    .summary("a server and an agent on this machine, FILE applied at each save")
    .description(
      "Starts a real nats-server and an agent `dev`, whose file system is DIR, and applies FILE to it, now and at each save. " +
        "Another run on the same DIR goes on where this one was.",
    )
    .argument("[FILE]", "TypeScript or JavaScript whose default export was made by manifest()")
    .option("--root <DIR>", "the directory that is / to every Score (default: a fresh temporary one)")
    .option("--once", "apply FILE, wait, show the status, stop everything")
    .option("--kinds <FILE>", "an agent that knows the kinds which FILE lists, as harmony bundle makes it")
    .option("--port <N>", "the server's port on 127.0.0.1 (default: any free one)", port(0), 0)
    .option("--timeout <TIME>", "how long to wait for the agent: 500ms, 60s, 5m", duration, 60_000);
  addSecretSources(command)
    .addHelpText(
      "after",
      examples(
        "harmony dev kiosk.ts",
        "harmony dev kiosk.ts --root ./device",
        "harmony dev kiosk.ts --once --json",
        "harmony dev kiosk.ts --kinds ./kinds.ts",
      ),
    )
    .action(
      run(async (session, args, given) => {
        const [file] = Args.parse(args);
        const options = Options.parse(given);
        if (!options.once) return dev({ ...session, jsonLines: true }, file, options);
        if (file === undefined) {
          session.complain("--once applies a FILE, and none was named");
          return EXIT.usage;
        }
        // Before anything is started: a FILE that cannot be loaded, or does not fit, is told at once.
        const checked = await loadFitting(session, file);
        return checked._tag === "Not" ? checked.code : dev(session, file, options);
      }),
    );
};

async function dev(session: Session, file: string | undefined, options: Options): Promise<ExitCode> {
  if (options.kinds === undefined) return onMachine(session, file, options, null);
  const scratch = await mkdtemp(join(tmpdir(), "harmony-dev-agent-"));
  try {
    const ownAgent = new OwnAgent(session, options.kinds, join(scratch, "agent.cjs"));
    return (await ownAgent.build()) ? await onMachine(session, file, options, ownAgent) : EXIT.finding;
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

async function onMachine(
  session: Session,
  file: string | undefined,
  options: Options,
  ownAgent: OwnAgent | null,
): Promise<ExitCode> {
  const { io, say, complain } = session;
  let progress: ProgressLine | null = null;
  const begin = (): ProgressLine => (progress = progressLine(session, DEV_AGENT));
  const agentLine = (line: string): void => {
    progress?.end();
    say(session.paintErr.dim(`agent: ${printable(line)}`));
  };
  const machine = await startMachine({
    cwd: io.cwd,
    root: options.root,
    port: options.port,
    program: ownAgent?.program ?? null,
    signal: io.signal,
    say,
    agentLine,
  });
  if (machine._tag === "NotStarted") {
    if (io.signal.aborted) return EXIT.done;
    complain(machine.message, machine.next);
    return EXIT.finding;
  }
  say(`server: ${machine.url}`);
  const ended = new AbortController();
  const signal = AbortSignal.any([io.signal, ended.signal]);
  const watchChildren = async (): Promise<boolean> => {
    const why = await machine.died;
    // Ctrl-C reaches the whole group of processes, and a child may be gone before this one has heard of it.
    await sleep(200);
    if (signal.aborted) return false;
    progress?.end();
    complain(why);
    ended.abort();
    return true;
  };
  const died = watchChildren();
  try {
    const work = { session, machine, ownAgent, signal, timeoutMs: options.timeout, begin, flags: options };
    const working =
      file === undefined ? serveOnly(work) : options.once ? applyOnce(work, file) : applyAtEachSave(work, file);
    const code = await working;
    return ended.signal.aborted && (await died) ? EXIT.finding : code;
  } finally {
    ended.abort();
    await machine.stop();
  }
}
