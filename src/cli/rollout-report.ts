import { match } from "ts-pattern";
import { failedIn, isSilent, type Prepared, type RolloutProgress, type RunResult } from "../fleet/index.ts";
import { Rollout } from "../wire/rollout.ts";
import { CLEAR_LINE } from "./apply-progress.ts";
import { spoken } from "./duration.ts";
import { EXIT, type ExitCode } from "./exit-code.ts";
import { type Paint, printable } from "./paint.ts";
import { tellUnreachable } from "./server.ts";
import { printJson, type Session } from "./session.ts";
import { table } from "./table.ts";

/** Of a list that may be long. */
const MOST = 20;

/** Why nothing was begun. */
export function tellUnprepared(session: Session, prepared: Exclude<Prepared, { readonly _tag: "Prepared" }>): ExitCode {
  return match(prepared)
    .returnType<ExitCode>()
    .with({ _tag: "Refused" }, ({ findings }) => {
      for (const { agentId, scoreId, sentence } of findings.slice(0, MOST)) {
        const where = [agentId, scoreId].filter((each) => each !== null).join(": ");
        session.complain(where === "" ? sentence : `${where}: ${sentence}`);
      }
      if (findings.length > MOST) session.say(`  and ${findings.length - MOST} more`);
      session.say("  Nothing was shipped to any device.");
      return EXIT.finding;
    })
    .with({ _tag: "Infeasible" }, ({ reason, message, arithmetic }) => {
      for (const line of arithmetic) session.say(line);
      session.complain(`${reason}: ${message}`);
      session.say("  Nothing was shipped to any device.");
      return EXIT.finding;
    })
    .with({ _tag: "Unreachable" }, (unreachable) => {
      tellUnreachable(session, unreachable);
      return EXIT.unreachable;
    })
    .exhaustive();
}

/** Tells how a roll-out goes on: one line that changes on a terminal, what failed and each wave elsewhere. */
export function rolloutProgress({ io, json, say, paintErr }: Session): {
  readonly tell: (progress: RolloutProgress) => void;
  readonly end: () => void;
} {
  const live = io.errIsTerminal && io.env["TERM"] !== "dumb";
  let dirty = false;
  const end = (): void => {
    if (dirty) io.err(CLEAR_LINE);
    dirty = false;
  };
  const keep = (line: string): void => {
    end();
    say(printable(line));
  };
  const tell = (progress: RolloutProgress): void => {
    if (json) return;
    const { rollout } = progress;
    switch (progress._tag) {
      case "Wave":
        keep(
          `wave ${progress.wave + 1} of ${rollout.waves.length}: ${rollout.waves[progress.wave]?.length ?? 0} devices`,
        );
        break;
      case "Soaking":
        keep(`wave ${progress.wave + 1}: all that did not fail are Ready; watching them for ${spoken(rollout.soakMs)}`);
        break;
      case "Device":
        if (progress.outcome._tag === "Failed") {
          keep(`${progress.agentId} failed: ${progress.outcome.message}`);
        } else if (live) {
          io.err(`${CLEAR_LINE}${paintErr.dim(`${counts(rollout)}; ${progress.agentId} is Ready`.slice(0, 78))}`);
          dirty = true;
        }
        break;
    }
  };
  return { tell, end };
}

/** What became of a run, and what the command ends with. */
export function reportRun(session: Session, { _tag, rollout }: RunResult): ExitCode {
  if (_tag === "TakenOver") {
    session.complain(
      `another command runs ${rollout.id} now, so this one has stopped`,
      `harmony rollout status ${rollout.id} tells how it stands.`,
    );
    return EXIT.finding;
  }
  return reportRollout(session, rollout, new Date());
}

/** All about one roll-out. */
export function reportRollout(session: Session, rollout: Rollout, now: Date): ExitCode {
  if (session.json) printJson(session, publicView(rollout));
  else session.io.err(rolloutText(rollout, session.paintErr, now));
  if (rollout.state === "Done") return failedIn(rollout).length === 0 ? EXIT.done : EXIT.finding;
  switch (rollout.stop?.reason) {
    case "Unreachable":
      return EXIT.unreachable;
    case "Interrupted":
      return EXIT.timedOut;
    case "Asked":
    case "TooManyFailures":
    case undefined:
      return EXIT.finding;
  }
}

/** Without where the manifests lie and how they are opened: that is of use to nobody who reads this. */
export const publicView = (rollout: Rollout): object => ({
  ...Shown.parse(rollout),
  lease: rollout.lease === null ? null : { holder: rollout.lease.holder, at: rollout.lease.at },
});
const Shown = Rollout.omit({ manifests: true, lease: true });

const numberIn = ({ devices }: Rollout, ids: readonly string[], state: Rollout["devices"][string]["state"]): number =>
  ids.filter((id) => devices[id]?.state === state).length;

export const counts = (rollout: Rollout): string => {
  const all = Object.keys(rollout.devices);
  return `${numberIn(rollout, all, "Ready")} of ${all.length} Ready, ${numberIn(rollout, all, "Failed")} failed`;
};

export function rolloutText(rollout: Rollout, paint: Paint, now: Date): string {
  const { id, source, selector, waves, wave, devices, maxFailures, concurrency, soakMs } = rollout;
  const lines = [
    `${paint.bold(id)}  ${printable(source.file)} to ${printable(selector)}: ${standing(rollout, now)}`,
    `${counts(rollout)}; it stops at ${maxFailures + 1} failed, ${concurrency} at once, ${soakMs / 1000} s of soak`,
  ];
  const rows = waves.map((ids, at) => [
    `${at + 1}${at === wave && rollout.state !== "Done" ? " <" : ""}`,
    String(ids.length),
    String(numberIn(rollout, ids, "Ready")),
    String(numberIn(rollout, ids, "Failed")),
    String(numberIn(rollout, ids, "Applying")),
    String(numberIn(rollout, ids, "Pending")),
  ]);
  const failed = failedIn(rollout);
  const why = failed.slice(0, MOST).map((each) => `${paint.red(each)}: ${printable(devices[each]?.message ?? "")}`);
  const more = failed.length > MOST ? [`and ${failed.length - MOST} more`] : [];
  const next =
    rollout.state === "Done"
      ? []
      : rollout.state === "Running" && !isSilent(rollout, now)
        ? [`harmony rollout stop ${id} stops it.`]
        : [
            `harmony rollout resume ${id} goes on, and tries again what failed; --max-failures N lets more of them fail.`,
          ];
  return `${lines.join("\n")}\n${table(["WAVE", "DEVICES", "READY", "FAILED", "APPLYING", "PENDING"], rows, paint.dim)}${[...why, ...more, ...next].map((line) => `${line}\n`).join("")}`;
}

export function standing(rollout: Rollout, now: Date): string {
  const { state, stop, wave, waves, lease } = rollout;
  switch (state) {
    case "Done":
      return failedIn(rollout).length === 0 ? "done" : `done, but for ${failedIn(rollout).length} that failed`;
    case "Stopped":
      return `stopped: ${printable(stop?.message ?? "")}`;
    case "Running": {
      if (lease !== null && !isSilent(rollout, now)) {
        return `wave ${wave + 1} of ${waves.length} is under way, run by ${printable(lease.holder)}`;
      }
      const since = lease === null ? "" : `, silent for ${spoken(now.getTime() - Date.parse(lease.at))}`;
      return `interrupted in wave ${wave + 1} of ${waves.length}: nobody runs it${since}`;
    }
  }
}
