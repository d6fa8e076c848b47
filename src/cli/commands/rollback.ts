import { match } from "ts-pattern";
import * as z from "zod";
import { type Fleet, type Rollback } from "../../fleet/index.ts";
import { MESSAGE_LIMIT } from "../../wire/envelope.ts";
import { AgentId } from "../../wire/keys.ts";
import { progressLine } from "../apply-progress.ts";
import { reportApply } from "../apply-report.ts";
import { type AddCommand, agentId, duration, examples, generation } from "../command.ts";
import { EXIT, type ExitCode } from "../exit-code.ts";
import { messageOption } from "../message-option.ts";
import { lastKnownReport, planReport } from "../plan-report.ts";
import { tellUnreachable, withFleet } from "../server.ts";
import type { Session } from "../session.ts";
import { readSigners, signOption } from "../sign-option.ts";
import { readTrust, trustOption } from "../trust-option.ts";
import { tellNoGeneration } from "../unknown-generation.ts";

const Args = z.tuple([AgentId]);
const Options = z.object({
  to: z.number(),
  message: z.string().max(MESSAGE_LIMIT).optional(),
  yes: z.boolean().default(false),
  force: z.boolean().default(false),
  timeout: z.number(),
  wait: z.boolean(),
  sign: z.array(z.string()).default([]),
  trust: z.array(z.string()).default([]),
  authors: z.string().optional(),
});
type Prepared = Extract<Rollback, { readonly _tag: "Prepared" }>;

export const addRollback: AddCommand = (program, run) => {
  program
    .command("rollback")
    .summary("ships an earlier manifest again, after showing what it would change")
    .description(
      "Ships an earlier manifest of an agent under a new generation, its Scores as they were, with their secrets still sealed. " +
        "Asks the agent first what that would change, and you. With --sign the earlier one must be signed by the same keys, or by " +
        "those of --trust or --authors, since you vouch for what it says.",
    )
    .argument("<ID>", "the agent", agentId)
    .requiredOption("--to <GENERATION>", "the one to ship again, as harmony history shows it", generation)
    .addOption(messageOption())
    .option("--yes", "do not ask")
    .option("--force", "also where the server has assets of then no more: the device may still have them")
    .option("--timeout <TIME>", "how long to wait: 500ms, 60s, 5m", duration, 60_000)
    .option("--no-wait", "end once it is stored for the agent")
    .addOption(signOption())
    .addOption(trustOption())
    .option("--authors <FILE>", "trust the authors in this file")
    .addHelpText(
      "after",
      examples(
        "harmony rollback pi-7 --to 11",
        "harmony rollback pi-7 --to 11 --yes --sign ops=ops.pem --message 'bad site'",
      ),
    )
    .action(
      run(async (session, args, given) => {
        const [agent] = Args.parse(args);
        const options = Options.parse(given);
        const { io, complain } = session;
        const { to, yes, message, timeout, wait } = options;
        if (!yes && io.ask === null) {
          complain(`this changes what ${agent} is`, "There is no terminal to ask at: say --yes.");
          return EXIT.usage;
        }
        const signers = await readSigners(session, options.sign);
        const trust = await readTrust(session, { trust: options.trust, authors: options.authors });
        if (signers === null || trust === null) return EXIT.usage;
        return withFleet(session, async (fleet) => {
          const wish = { to, signers, trust, message, withoutAssets: options.force, signal: io.signal };
          const prepared = await fleet.prepareRollback(agent, wish);
          return match(prepared)
            .returnType<ExitCode | Promise<ExitCode>>()
            .with({ _tag: "Unreachable" }, (unreachable) => {
              tellUnreachable(session, unreachable);
              return unreachable.reason === "NoBucket" ? EXIT.finding : EXIT.unreachable;
            })
            .with({ _tag: "NoSuchGeneration" }, ({ kept }) => tellNoGeneration(session, fleet, agent, to, kept))
            .with({ _tag: "Refused" }, ({ message: why, next }) => {
              complain(why, next);
              return EXIT.finding;
            })
            .with({ _tag: "Prepared" }, async (rollback) => {
              const stop = await confirm(session, fleet, agent, rollback, yes);
              if (stop !== null) return stop;
              const progress = progressLine(session, agent);
              const { bundle, expect } = rollback;
              const how = { signal: io.signal, timeoutMs: timeout, wait, expect, onProgress: progress.tell };
              const result = await fleet.applyBundle(bundle, agent, how).finally(progress.end);
              return reportApply(session, result, agent);
            })
            .exhaustive();
        });
      }),
    );
};

/** Null: go on. Shows what it would change, where the agent can be asked. */
async function confirm(
  session: Session,
  fleet: Fleet,
  agent: AgentId,
  { asked, from, bundle }: Prepared,
  yes: boolean,
): Promise<ExitCode | null> {
  const { io, say, complain, paintErr } = session;
  const call = { signal: io.signal };
  const plan = await fleet.planBundle(asked, agent, call);
  if (plan._tag === "Answered" && plan.reply._tag === "Plan") {
    const since = await fleet.changesSince(agent, plan.reply.generation, asked.manifest, call);
    io.err(planReport(plan.reply, paintErr, since === null || "_tag" in since ? null : since));
  } else if (plan._tag === "Answered" && plan.reply._tag === "Refused") {
    complain(`the agent would refuse generation ${from.generation}: ${plan.reply.reason}: ${plan.reply.message}`);
    return EXIT.finding;
  } else if (plan._tag === "Unreachable") {
    tellUnreachable(session, plan);
    return EXIT.unreachable;
  } else {
    if (plan._tag === "NoAnswer") say(`${plan.message}; it is carried through when the agent is back.`);
    const known = await fleet.lastKnown(agent, asked.manifest, call);
    if (known._tag === "Unreachable") say("What it would change cannot be told.");
    else io.err(lastKnownReport(known, paintErr));
  }
  if (yes || io.ask === null) return null;
  const answer = await io.ask(
    `Ship generation ${from.generation} of ${agent} again, as generation ${bundle.manifest.generation}? [y/N] `,
  );
  if (/^y(es)?$/i.test(answer.trim())) return null;
  say("Nothing was shipped.");
  return EXIT.finding;
}
