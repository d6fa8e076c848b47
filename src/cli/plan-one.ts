import { match } from "ts-pattern";
import { type Asked, type Fleet, isFlawed, type SignedManifest, textsAsked, tooLarge } from "../fleet/index.ts";
import type { Manifest } from "../topology/manifest.ts";
import type { PlanReply } from "../wire/status.ts";
import type { AgentId } from "../wire/keys.ts";
import { bundleIn } from "./bundle-file.ts";
import { countingLine } from "./counting-line.ts";
import { EXIT, type ExitCode } from "./exit-code.ts";
import { manifestOrCode } from "./manifest-file.ts";
import { lastKnownReport, planReport } from "./plan-report.ts";
import { tellUnreachable, withFleet } from "./server.ts";
import { printJson, type Session } from "./session.ts";
import { gatherSecrets, type SecretFlags, wipe } from "./secret-options.ts";
import { readSigners } from "./sign-option.ts";

interface PlanWish {
  readonly agent: AgentId;
  readonly timeoutMs: number;
  readonly sign: readonly string[];
  readonly secrets: SecretFlags;
}

/** `harmony plan FILE --agent ID`. */
export async function planForOne(
  session: Session,
  file: string,
  { agent, timeoutMs, sign, secrets: flags }: PlanWish,
): Promise<ExitCode> {
  const { io } = session;
  const bundle = await bundleIn(session, file);
  if (bundle === "Unreadable") return EXIT.usage;
  if (bundle !== null && (bundle._tag === "Status" || sign.length > 0)) {
    session.complain(
      `${file} is a signed bundle: ${bundle._tag === "Status" ? "it holds a status, and no manifest" : "harmony sign adds a signature to it"}`,
    );
    return EXIT.usage;
  }
  const signers = await readSigners(session, sign);
  if (signers === null) return EXIT.usage;
  const asked = bundle ?? (await manifestOrCode(session, file));
  if (typeof asked === "number") return asked;
  const secrets = "payload" in asked ? null : await gatherSecrets(session, flags, asked);
  if (secrets === null && !("payload" in asked)) return EXIT.usage;
  return withFleet(session, async (fleet) => {
    const how = { signal: io.signal, timeoutMs };
    const trustedKeys = secrets === null ? [] : await secrets.keysFor(fleet, agent);
    if (trustedKeys === null) return EXIT.finding;
    const asking =
      "payload" in asked
        ? fleet.planBundle(asked, agent, how)
        : fleet.plan(asked, agent, { ...how, signers, secrets: { values: secrets?.given, trustedKeys } });
    const progress = countingLine(session, () => `asking ${agent}`);
    const result = await asking.finally(() => {
      progress.end();
      if (secrets !== null) wipe(secrets.given);
    });
    return match(result)
      .returnType<ExitCode | Promise<ExitCode>>()
      .with({ _tag: "Answered" }, async ({ reply }) => show(session, fleet, agent, reply, forChanges(asked)))
      .with({ _tag: "NoAnswer" }, async ({ message }) => {
        session.complain(message, `harmony status ${agent} tells when it was last seen.`);
        const known = await fleet.lastKnown(agent, forChanges(asked), { signal: io.signal });
        if (known._tag === "Unreachable") tellUnreachable(session, known);
        else if (session.json) printJson(session, known);
        else io.out(lastKnownReport(known, session.paintOut));
        return EXIT.unreachable;
      })
      .with({ _tag: "Unreadable" }, ({ message }) => {
        session.complain(message, "Is the agent of another version than this harmony?");
        return EXIT.finding;
      })
      .with({ _tag: "Lacking" }, ({ objections }) => {
        for (const { sentence } of objections) session.complain(sentence);
        return EXIT.finding;
      })
      .with({ _tag: "SecretsRefused" }, ({ message, next }) => {
        session.complain(message, next);
        return EXIT.finding;
      })
      .with({ _tag: "TooLarge" }, (wrong) => {
        session.complain(tooLarge(wrong));
        return EXIT.finding;
      })
      .with({ _tag: "Unreachable" }, (unreachable) => {
        tellUnreachable(session, unreachable);
        return EXIT.unreachable;
      })
      .exhaustive();
  });
}

const forChanges = (asked: Manifest | SignedManifest): Asked => ("payload" in asked ? asked.manifest : asked);

async function show(session: Session, fleet: Fleet, agent: AgentId, reply: PlanReply, asked: Asked): Promise<ExitCode> {
  const { io, json, paintOut } = session;
  if (reply._tag === "Refused") {
    if (json) printJson(session, reply);
    session.complain(`the agent would refuse this manifest: ${reply.reason}: ${reply.message}`);
    return EXIT.finding;
  }
  const changes = await fleet.changesSince(agent, reply.generation, asked, { signal: io.signal });
  // What differs is a help; who may ask an agent need not be let in to read what it was before.
  const known = changes === null || "_tag" in changes ? null : changes;
  if (json) printJson(session, known === null ? reply : { ...reply, changes: [...known.values()] });
  else io.out(planReport(reply, paintOut, known, textsAsked(asked)));
  return isFlawed(reply) ? EXIT.finding : EXIT.done;
}
