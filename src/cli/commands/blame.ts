import { match } from "ts-pattern";
import * as z from "zod";
import { authorsIn, type Blame } from "../../fleet/index.ts";
import { AgentId } from "../../wire/keys.ts";
import { type AddCommand, agentId, examples } from "../command.ts";
import { spoken } from "../duration.ts";
import { EXIT, type ExitCode } from "../exit-code.ts";
import { nearest } from "../nearest.ts";
import { paintState, printable } from "../paint.ts";
import { tellUnreachable, withFleet } from "../server.ts";
import { printJson, type Session } from "../session.ts";
import { tellUnknown } from "../unknown-agent.ts";

const Args = z.tuple([AgentId, z.string()]);

export const addBlame: AddCommand = (program, run) => {
  program
    .command("blame")
    .summary("since when a Score is as it is, by whom and why, and since when it fails")
    .description(
      "Shows from which manifest on a Score of an agent has been what it is, with its signers and its message, and how it has " +
        "been doing on the device.",
    )
    .argument("<ID>", "the agent", agentId)
    .argument("<SCORE>", "the Score's id")
    .addHelpText("after", examples("harmony blame pi-7 web", "harmony blame pi-7 web --json"))
    .action(
      run(async (session, args) => {
        const [agent, scoreId] = Args.parse(args);
        return withFleet(session, async (fleet) => {
          const found = await fleet.blame(agent, scoreId, { signal: session.io.signal });
          return match(found)
            .returnType<ExitCode | Promise<ExitCode>>()
            .with({ _tag: "Unreachable" }, (unreachable) => {
              tellUnreachable(session, unreachable);
              return unreachable.reason === "NoBucket" ? EXIT.finding : EXIT.unreachable;
            })
            .with({ _tag: "NoManifest" }, () => tellUnknown(session, fleet, agent))
            .with({ _tag: "NoSuchScore" }, ({ ids }) => {
              const near = nearest(scoreId, ids);
              const known = ids.length === 0 ? "It has none." : `It has ${ids.join(", ")}.`;
              const next = near === null ? known : `Did you mean ${near}?`;
              session.complain(`the newest manifest of ${agent} has no Score "${scoreId}"`, next);
              return EXIT.finding;
            })
            .with({ _tag: "Blame" }, (told) => show(session, told))
            .exhaustive();
        });
      }),
    );
};

function show(session: Session, { _tag, ...told }: Extract<Blame, { readonly _tag: "Blame" }>): ExitCode {
  const { io, json, paintOut } = session;
  if (json) {
    const { storedAt, ...since } = told.since;
    printJson(session, { ...told, since: { ...since, storedAt: storedAt.toISOString() } });
    return EXIT.done;
  }
  const { since, isOldest, status, isOfBefore, scoreId } = told;
  const authors = authorsIn(since.signedBy, since.verifiedBy).map(({ name, isVerified }) =>
    isVerified ? name : `${name} (not verified)`,
  );
  const who = authors.length === 0 ? "unsigned" : `signed by ${authors.join(" and ")}`;
  const lines = [
    `${paintOut.bold(printable(scoreId))} is as it is since generation ${since.generation}${isOldest ? ", the oldest that is kept" : ""}`,
    `  shipped ${since.storedAt.toISOString()}, ${printable(who)}`,
    ...(since.message === null ? [] : [`  ${printable(since.message)}`]),
  ];
  if (status === null) lines.push("  its agent has told nothing of it yet");
  else {
    const { state, since: at, error, attempts, repairs } = status;
    const state_ = paintState(state, paintOut)(state);
    lines.push(`  ${state_} since ${at}, for ${spoken(Math.max(0, Date.now() - Date.parse(at)))}`);
    if (isOfBefore) lines.push("  that is of what it was before: its agent has not taken this yet");
    if (error !== null) {
      lines.push(
        `  ${attempts} ${attempts === 1 ? "attempt" : "attempts"} failed; the first cause: ${printable(error.message)}`,
      );
      lines.push(`  whose it is: ${error.blame}; to do: ${printable(error.next)}`);
    }
    if (repairs !== undefined && repairs > 0) lines.push(`  repaired ${repairs} times since it came`);
  }
  for (const line of lines) io.out(`${line}\n`);
  return EXIT.done;
}
