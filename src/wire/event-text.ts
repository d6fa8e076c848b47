import { match } from "ts-pattern";
import type { EventRecord } from "./events.ts";

/** What a record says, in a few words for people. Names in it are as whoever told them wrote them. */
export const eventText = (record: EventRecord): string =>
  match(record)
    .with({ type: "ManifestAccepted" }, ({ generation, scores, refused = {}, signedBy, pair, late }) =>
      [
        `generation ${generation}${forPair(pair)}`,
        ...(scores === undefined ? [] : [`${scores} Scores`]),
        ...Object.entries(refused).map(([reason, count]) => `${count} refused as ${reason}`),
        signed(signedBy),
        ...(late === true ? ["recorded late"] : []),
      ].join(", "),
    )
    .with({ type: "ManifestSettled" }, ({ generation, states, rolledBack, pair }) =>
      [
        `generation ${generation}${forPair(pair)}${rolledBack === true ? " taken back" : ""}`,
        ...Object.entries(states).map(([state, count]) => `${count} ${state}`),
      ].join(", "),
    )
    .with(
      { type: "ManifestRefused" },
      ({ reason, generation, signedBy, pair }) =>
        `${reason}, ${generation === null ? "no generation" : `generation ${generation}`}${forPair(pair)}, ${signed(signedBy)}`,
    )
    .with({ type: "PolicyChanged" }, ({ sha256, unreadable, signedBy }) =>
      [
        sha256 === null ? "there is none" : short(sha256),
        ...(unreadable ? ["cannot be read now"] : []),
        ...(signedBy.length === 0 ? [] : [signed(signedBy)]),
      ].join(", "),
    )
    .with(
      { type: "AuthorsChanged" },
      ({ sha256, signedBy }) => `${sha256 === null ? "there are none" : short(sha256)}, ${signed(signedBy)}`,
    )
    .with({ type: "JobChecked" }, (job) => ofJob(job))
    .with({ type: "JobBegins" }, (job) => `${job.purpose} of ${ofJob(job)}`)
    .with(
      { type: "JobEnded" },
      (job) => `${job.purpose} of ${ofJob(job)}: ${job.ending}${job.exitCode === null ? "" : ` with ${job.exitCode}`}`,
    )
    .with({ type: "JobInterrupted" }, (job) => `${job.purpose} of ${ofJob(job)}`)
    .with({ type: "SecretAccessed" }, ({ secret, score }) => `${secret}, by ${score}`)
    .with({ type: "AgentStarted" }, ({ version, topology }) => `version ${version}, ${topology}`)
    .with({ type: "Fenced" }, ({ by, pair }) => `by epoch ${by}${forPair(pair)}`)
    .with(
      { type: "LeftOut" },
      ({ because, events, since }) =>
        `${Object.entries(events)
          .map(([type, count]) => `${count} ${type}`)
          .join(", ")} since ${since}: ${because === "rate" ? "too many came" : "the disk took none"}`,
    )
    .with({ type: "RecordDamaged" }, ({ lines }) => `${lines} lines cannot be read`)
    .exhaustive();

const forPair = (pair: string | undefined): string => (pair === undefined ? "" : ` of ${pair}`);
const signed = (by: readonly string[]): string =>
  by.length === 0 ? "signed by nobody trusted" : `signed by ${by.join(", ")}`;
const short = (sha256: string): string => `sha256:${sha256.slice(0, 12)}`;
const ofJob = ({ job, runAs, approver }: { readonly job: string; readonly runAs: string; readonly approver: string }) =>
  `${job} as ${runAs}, approved by ${approver}`;
