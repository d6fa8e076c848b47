import { match } from "ts-pattern";
import * as z from "zod";
import { type Fleet, LEASE_MS } from "../../fleet/index.ts";
import { type Rollout, RolloutId } from "../../wire/rollout.ts";
import { type AddCommand, examples, several, word } from "../command.ts";
import { EXIT, type ExitCode } from "../exit-code.ts";
import { nearest } from "../nearest.ts";
import { counts, reportRollout, reportRun, rolloutProgress, standing, publicView } from "../rollout-report.ts";
import { runner } from "../rolling-out.ts";
import { count } from "../selector-option.ts";
import { tellUnreachable, withFleet } from "../server.ts";
import { printJson, type Session } from "../session.ts";
import { readSigners, signOption } from "../sign-option.ts";
import { table } from "../table.ts";

const One = z.tuple([RolloutId]);
const ResumeOptions = z.object({
  maxFailures: z.number().optional(),
  retryFailed: z.boolean().default(false),
  sign: z.array(z.string()).default([]),
});

/** What was begun by `harmony apply --selector`. */
export const addRollout: AddCommand = (program, run) => {
  const rollout = program
    .command("rollout")
    .summary("roll-outs to many devices (status, resume, stop, rm)")
    .description(
      "Looks at roll-outs that harmony apply --selector began, goes on with them, stops them, and forgets those that have ended.",
    );

  rollout
    .command("status")
    .summary("how a roll-out stands, or each of them")
    .description(
      "Tells how far a roll-out is, what failed and why, and what can be done; without ID one line for each.",
    )
    .argument("[ID]", "the roll-out (default: all)", word(RolloutId))
    .option("-w, --watch", "go on and show each change until it has ended; with --json one document a line")
    .addHelpText(
      "after",
      examples(
        "harmony rollout status",
        "harmony rollout status r-20260102-0304-5f6a --json",
        "harmony rollout status r-20260102-0304-5f6a --watch",
      ),
    )
    .action(
      run(async (session, args, options) => {
        const [id] = z.tuple([RolloutId.optional()]).parse(args);
        const { watch } = z.object({ watch: z.boolean().default(false) }).parse(options);
        if (watch && id === undefined) {
          session.complain("one roll-out can be watched, and none was named", "harmony rollout status lists them.");
          return EXIT.usage;
        }
        return withFleet(session, (fleet) =>
          id === undefined
            ? tellAll(session, fleet)
            : watch
              ? follow({ ...session, jsonLines: true }, fleet, id)
              : tellOne(session, fleet, id),
        );
      }),
    );

  rollout
    .command("rm")
    .summary("forgets roll-outs that have ended")
    .description(
      "Takes what is known of roll-outs off the server: those that are done or were stopped, and none that is running. What they " +
        "shipped stays as it is.",
    )
    .argument("[ID...]", "the roll-outs", oneMore)
    .option("--ended", "all that are done or were stopped")
    .addHelpText(
      "after",
      examples(
        "harmony rollout rm r-20260102-0304-5f6a",
        "harmony rollout rm --ended",
        "harmony rollout rm --ended --json",
      ),
    )
    .action(
      run(async (session, args, options) => {
        const [ids = []] = z.tuple([z.array(RolloutId).optional()]).parse(args);
        const { ended } = z.object({ ended: z.boolean().default(false) }).parse(options);
        if (ended === ids.length > 0) {
          session.complain("which roll-outs is not said", "Name them, or say --ended; not both.");
          return EXIT.usage;
        }
        return withFleet(session, (fleet) => forget(session, fleet, ended ? null : ids));
      }),
    );

  rollout
    .command("resume")
    .summary("goes on with a roll-out that has stopped")
    .description(
      "Goes on with a roll-out that stopped or was interrupted, in the wave where it was. FILE is not needed. What failed is tried again.",
    )
    .argument("<ID>", "the roll-out", word(RolloutId))
    .option("--max-failures <N>", "stop when more have failed (default: as it was begun)", count(0))
    .option("--retry-failed", "ship anew to what failed for good, although its content is the same")
    .addOption(signOption())
    .addHelpText(
      "after",
      examples(
        "harmony rollout resume r-20260102-0304-5f6a",
        "harmony rollout resume r-20260102-0304-5f6a --max-failures 3",
      ),
    )
    .action(
      run(async (session, args, options) => {
        const [id] = One.parse(args);
        const { maxFailures, retryFailed, sign } = ResumeOptions.parse(options);
        const signers = await readSigners(session, sign);
        if (signers === null) return EXIT.usage;
        return withFleet(session, async (fleet) => {
          const { signal } = session.io;
          const onWaiting = (holder: string): void =>
            session.say(`${holder} may still run it; looking for up to ${LEASE_MS / 1000} s whether it does`);
          const taken = await fleet.rollouts.take(id, { ...runner(), maxFailures, signers, signal, onWaiting });
          if (taken._tag !== "Taken") return tellNotTaken(session, fleet, id, taken);
          const progress = rolloutProgress(session);
          const retry = new Set(retryFailed ? taken.retried : []);
          const done = await fleet.rollouts
            .run(taken, { signal, signers, retry, onProgress: progress.tell })
            .finally(progress.end);
          return reportRun(session, done);
        });
      }),
    );

  rollout
    .command("stop")
    .summary("stops a roll-out")
    .description("Stops a roll-out, whoever runs it. What is shipped stays so; harmony rollout resume goes on with it.")
    .argument("<ID>", "the roll-out", word(RolloutId))
    .addHelpText("after", examples("harmony rollout stop r-20260102-0304-5f6a"))
    .action(
      run(async (session, args) => {
        const [id] = One.parse(args);
        return withFleet(session, async (fleet) => {
          const stopped = await fleet.rollouts.stop(id, session.io.signal);
          return match(stopped)
            .returnType<ExitCode | Promise<ExitCode>>()
            .with({ _tag: "Stopped" }, ({ rollout: now }) => {
              reportRollout(session, now, new Date());
              return EXIT.done;
            })
            .with({ _tag: "AlreadyEnded" }, ({ rollout: now }) => {
              session.complain(`nothing is to be stopped: ${id} is ${standing(now, new Date())}`);
              return EXIT.finding;
            })
            .with({ _tag: "Asked" }, ({ rollout: now }) => {
              session.complain(`${now.lease?.holder ?? "whoever runs it"} was asked to stop, and has not done so yet`);
              return EXIT.timedOut;
            })
            .otherwise((other) => tellNone(session, fleet, id, other));
        });
      }),
    );
};

const oneMore = (text: string, before: unknown): readonly unknown[] => several(word(RolloutId)(text), before);

/** `ids`: null: all that have ended. */
async function forget(session: Session, fleet: Fleet, ids: readonly RolloutId[] | null): Promise<ExitCode> {
  const { signal } = session.io;
  const removed: RolloutId[] = [];
  let code: ExitCode = EXIT.done;
  let all = ids;
  if (all === null) {
    const listed = await fleet.rollouts.list({ signal });
    if ("_tag" in listed) {
      tellUnreachable(session, listed);
      return EXIT.unreachable;
    }
    all = listed.rollouts.filter(({ state }) => state !== "Running").map(({ id }) => id);
  }
  for (const id of all) {
    const done = await fleet.rollouts.remove(id, { signal });
    if (done._tag === "Removed") {
      removed.push(id);
      if (!session.json) session.say(`${id} is forgotten.`);
    } else if (done._tag === "Running") {
      const { rollout: now } = done;
      session.complain(`${id} has not ended: ${standing(now, new Date())}`, `harmony rollout stop ${id} stops it.`);
      code = EXIT.finding;
    } else if (done._tag !== "Unknown" || ids !== null) {
      code = await tellNone(session, fleet, id, done);
    }
    if (code === EXIT.unreachable) break;
  }
  if (session.json) printJson(session, { removed });
  else if (ids === null && removed.length === 0) session.say("No roll-out has ended.");
  return code;
}

/** On a terminal and elsewhere one line for each change; in the end all about it. */
async function follow(session: Session, fleet: Fleet, id: RolloutId): Promise<ExitCode> {
  let last: Rollout | null = null;
  for await (const found of fleet.rollouts.watch(id, session.io.signal)) {
    if (found._tag === "Unreachable") tellUnreachable(session, found);
    else if (found._tag !== "Rollout") return tellNone(session, fleet, id, found);
    else {
      last = found.rollout;
      if (last.state !== "Running") return reportRollout(session, last, new Date());
      if (session.json) printJson(session, publicView(last));
      else session.say(`${counts(last)}: ${standing(last, new Date())}`);
      await session.io.outTaken?.();
    }
  }
  return last === null ? EXIT.unreachable : EXIT.done;
}

async function tellAll(session: Session, fleet: Fleet): Promise<ExitCode> {
  const listed = await fleet.rollouts.list({ signal: session.io.signal });
  if ("_tag" in listed) {
    tellUnreachable(session, listed);
    return EXIT.unreachable;
  }
  const { rollouts, unreadable } = listed;
  if (session.json) printJson(session, { rollouts: rollouts.map(publicView), unreadable });
  else if (rollouts.length === 0) session.say("No roll-out is known to this server yet.");
  else {
    const rows = rollouts.map((each) => [
      each.id,
      each.source.file,
      each.selector,
      String(Object.keys(each.devices).length),
      standing(each, new Date()),
    ]);
    session.io.out(table(["ROLL-OUT", "FILE", "SELECTOR", "DEVICES", "WHAT"], rows, session.paintOut.dim));
  }
  for (const id of unreadable) session.say(`warning: the roll-out ${id} cannot be read`);
  return EXIT.done;
}

async function tellOne(session: Session, fleet: Fleet, id: RolloutId): Promise<ExitCode> {
  const found = await fleet.rollouts.read(id, { signal: session.io.signal });
  if (found._tag !== "Rollout") return tellNone(session, fleet, id, found);
  return reportRollout(session, found.rollout, new Date()) === EXIT.done || found.rollout.state === "Running"
    ? EXIT.done
    : EXIT.finding;
}

type NotRead = Exclude<Awaited<ReturnType<Fleet["rollouts"]["read"]>>, { readonly _tag: "Rollout" }>;

async function tellNone(session: Session, fleet: Fleet, id: RolloutId, why: NotRead): Promise<ExitCode> {
  if (why._tag === "Unreachable") {
    tellUnreachable(session, why);
    return EXIT.unreachable;
  }
  if (why._tag === "Unreadable") {
    session.complain(`the roll-out ${id} cannot be read: ${why.message}`, "Was it begun by a newer harmony?");
    return EXIT.finding;
  }
  const listed = await fleet.rollouts.list({ signal: session.io.signal });
  const near =
    "_tag" in listed
      ? null
      : nearest(
          id,
          listed.rollouts.map((each) => each.id),
        );
  session.complain(
    `there is no roll-out ${id}`,
    near === null ? "harmony rollout status lists them." : `Did you mean ${near}?`,
  );
  return EXIT.finding;
}

const tellNotTaken = (
  session: Session,
  fleet: Fleet,
  id: RolloutId,
  why: Exclude<Awaited<ReturnType<Fleet["rollouts"]["take"]>>, { readonly _tag: "Taken" }>,
): ExitCode | Promise<ExitCode> =>
  match(why)
    .returnType<ExitCode | Promise<ExitCode>>()
    .with({ _tag: "Held" }, ({ holder }) => {
      session.complain(`${holder} runs ${id}`, `harmony rollout stop ${id} stops it there.`);
      return EXIT.finding;
    })
    .with({ _tag: "AlreadyDone" }, ({ rollout }) => {
      session.complain(`${id} is ${standing(rollout, new Date())}`, "There is nothing left to go on with.");
      return EXIT.finding;
    })
    .with({ _tag: "NotSigned" }, ({ key }) => {
      session.complain(
        `${id} was not begun with the key ${key}, or was changed since: nothing of it is signed with that`,
        "Begin a new one with harmony apply --selector: what lies on the server may be somebody else's.",
      );
      return EXIT.finding;
    })
    .with({ _tag: "LimitUnreachable" }, ({ message }) => {
      session.complain(message);
      return EXIT.finding;
    })
    .otherwise((other) => tellNone(session, fleet, id, other));
