import { Command, CommanderError } from "commander";
import { VERSION } from "../wire/version.ts";
import { examples, type Run, runWith } from "./command.ts";
import { addAgent } from "./commands/agent.ts";
import { addApply } from "./commands/apply.ts";
import { addAsset } from "./commands/asset.ts";
import { addBlame } from "./commands/blame.ts";
import { addBundle } from "./commands/bundle.ts";
import { addCheck } from "./commands/check.ts";
import { addCompletion } from "./commands/completion.ts";
import { addContext } from "./commands/context.ts";
import { addDev } from "./commands/dev.ts";
import { addDiff } from "./commands/diff.ts";
import { addDoctor } from "./commands/doctor.ts";
import { addEvents } from "./commands/events.ts";
import { addFleet } from "./commands/fleet.ts";
import { addHistory } from "./commands/history.ts";
import { addKinds } from "./commands/kinds.ts";
import { addLogs } from "./commands/logs.ts";
import { addMan } from "./commands/man.ts";
import { addNew } from "./commands/new.ts";
import { addPlan } from "./commands/plan.ts";
import { addPolicy } from "./commands/policy.ts";
import { addRemove } from "./commands/remove.ts";
import { addRollback } from "./commands/rollback.ts";
import { addRollout } from "./commands/rollout.ts";
import { addSign } from "./commands/sign.ts";
import { addStatus } from "./commands/status.ts";
import { addVerify } from "./commands/verify.ts";
import { EXIT, type ExitCode } from "./exit-code.ts";
import { type Io, withProcessIo } from "./io.ts";
import { manPages, type Usages } from "./man-page.ts";
import { DEFAULT_SERVER, NoSession, openSession } from "./session.ts";

/**
 * Runs one command: `argv` is what comes after the program's name. Resolves to the exit code and does not end the
 * process. Without `io`, with the real process.
 */
export async function main(argv: readonly string[], io?: Io): Promise<number> {
  if (io === undefined) return withProcessIo((own) => main(argv, own));
  let code: ExitCode = EXIT.done;
  const run = runWith(
    (flags) => openSession(io, flags),
    (ended) => (code = ended),
  );
  try {
    await programOf(io, run).parseAsync([...argv], { from: "user" });
    return code;
  } catch (error) {
    // Commander has written the help, the version or what is wrong already.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
    if (error instanceof NoSession) {
      io.err(`error: ${error.message}\n`);
      return EXIT.usage;
    }
    io.err(
      `harmony failed in a way that it should not; please report this:\n${error instanceof Error ? error.stack : String(error)}\n`,
    );
    return EXIT.finding;
  }
}

/** All manual pages, by the names of their files. */
export function pages(agent: Usages): ReadonlyMap<string, string> {
  const silent = { out: () => {}, err: () => {} };
  return manPages(
    programOf(silent, () => () => Promise.resolve()),
    agent,
  );
}

function programOf(io: Pick<Io, "out" | "err">, run: Run): Command {
  const program = new Command("harmony")
    .description("Typed descriptions of what should be so on edge devices, and the agent that makes it so.")
    .version(VERSION)
    .option("--server <URL>", `the NATS server (env HARMONY_SERVER, default ${DEFAULT_SERVER})`)
    .option("--creds <FILE>", "NATS credentials (env HARMONY_CREDS)")
    .option("--context <NAME>", "server and credentials of this context (env HARMONY_CONTEXT; see harmony context)")
    .option("--json", "write documents as JSON to standard output, and nothing else there")
    .option("--no-color", "write without colours (also: NO_COLOR)")
    .configureOutput({ writeOut: io.out, writeErr: io.err })
    .configureHelp({ showGlobalOptions: true })
    .showHelpAfterError("(add --help for more)")
    .exitOverride()
    .addHelpText(
      "after",
      examples(
        "harmony new fleet",
        "harmony dev examples/kiosk.ts",
        "harmony check kiosk.ts",
        "harmony apply kiosk.ts --agent pi-7",
      ),
    )
    .addHelpText(
      "after",
      "Exit codes: 0 done; 1 a finding, refusal or FAILURE; 2 wrong usage; 3 timed out waiting; 4 server or agent unreachable.",
    );
  for (const add of [
    addNew,
    addDev,
    addCheck,
    addPlan,
    addApply,
    addRemove,
    addStatus,
    addHistory,
    addDiff,
    addRollback,
    addBlame,
    addRollout,
    addSign,
    addVerify,
    addEvents,
    addLogs,
    addKinds,
    addBundle,
    addAsset,
    addAgent,
    addFleet,
    addPolicy,
    addDoctor,
    addContext,
    addCompletion,
    addMan,
  ]) {
    add(program, run);
  }
  return program;
}
