import { randomBytes } from "node:crypto";
import { hostname, userInfo } from "node:os";
import { basename, resolve } from "node:path";
import { type Fleet, parseWaves, type Reach, type Selector } from "../fleet/index.ts";
import type { KnownDevice, MadeManifest } from "../topology/fleet-manifest.ts";
import { RolloutId } from "../wire/rollout.ts";
import { confirmedForMany } from "./confirm-plans.ts";
import type { ExitCode } from "./exit-code.ts";
import { EXIT } from "./exit-code.ts";
import { loadForManyOrTell } from "./manifest-file.ts";
import { type LoadedForMany, madeFor } from "./made-for.ts";
import { problemLine } from "./problem.ts";
import { reportRun, rolloutProgress, tellUnprepared } from "./rollout-report.ts";
import { tellUnreachable, withFleet } from "./server.ts";
import { type SecretFlags, wipe } from "./secret-options.ts";
import { gatherForMany, manifestsOfMany } from "./secrets-for-many.ts";
import type { Session } from "./session.ts";
import { readSigners, type Signer } from "./sign-option.ts";
import { typeCheck } from "./type-check.ts";
import { uploadOrTell } from "./uploading.ts";

interface HowToRollOut {
  readonly file: string;
  readonly selector: Selector;
  readonly waves: readonly Reach[];
  readonly concurrency: number;
  readonly maxFailures: number;
  readonly soakMs: number;
  readonly timeoutMs: number;
  readonly message: string | undefined;
  readonly signers: readonly Signer[];
  readonly flags: SecretFlags;
  /** Whether to show what would change first, and to ask unless `yes`. */
  readonly plan: boolean;
  readonly yes: boolean;
}

/** As on the command line; what was not given is as by default. */
export interface WishForMany {
  readonly selector: Selector;
  readonly wave: readonly Reach[] | undefined;
  readonly concurrency: number | undefined;
  readonly maxFailures: number | undefined;
  readonly soak: number | undefined;
  readonly timeoutMs: number;
  readonly message: string | undefined;
  readonly sign: readonly string[];
  readonly check: boolean;
  readonly secrets: SecretFlags;
  readonly plan: boolean;
  readonly yes: boolean;
}

const DEFAULT_CONCURRENCY = 16;

/** `harmony apply FILE --selector`. */
export async function applyToMany(session: Session, file: string, wish: WishForMany): Promise<ExitCode> {
  const signers = await readSigners(session, wish.sign);
  if (signers === null) return EXIT.usage;
  const loaded = await loadForManyOrTell(session, file);
  if (loaded === null) return EXIT.usage;
  if (wish.check && !(await typesAreRight(session, file))) return EXIT.finding;
  const how: HowToRollOut = {
    file,
    signers,
    flags: wish.secrets,
    message: wish.message,
    selector: wish.selector,
    waves: wish.wave ?? parseWaves("100%") ?? [],
    concurrency: wish.concurrency ?? DEFAULT_CONCURRENCY,
    maxFailures: wish.maxFailures ?? 0,
    soakMs: wish.soak ?? 0,
    timeoutMs: wish.timeoutMs,
    plan: wish.plan,
    yes: wish.yes,
  };
  return withFleet(session, (fleet) => rollOut(session, fleet, loaded, how));
}

/** Whether FILE passes the compiler; else tells why. */
export async function typesAreRight(session: Session, file: string): Promise<boolean> {
  const { io } = session;
  const types = await typeCheck(resolve(io.cwd, file), io.signal);
  if (types._tag === "NoCompiler") {
    session.complain("--check: no TypeScript compiler was found here", "npm install --save-dev typescript");
    return false;
  }
  const problems = types._tag === "Checked" ? types.problems : [];
  for (const problem of problems) session.complain(problemLine(problem, io.cwd));
  return problems.length === 0;
}

/** This command, as others see it. */
export const runner = (): { readonly token: string; readonly holder: string } => ({
  token: randomBytes(12).toString("hex"),
  holder: `${userInfo().username}@${hostname()}, process ${process.pid}`,
});

/** `r-20260102-0304-5f6a`: when it was begun, and what tells two of one minute apart. */
function newId(now: Date): RolloutId {
  const [date = "", time = ""] = now.toISOString().split("T");
  return RolloutId.parse(
    `r-${date.replaceAll("-", "")}-${time.slice(0, 5).replace(":", "")}-${randomBytes(2).toString("hex")}`,
  );
}

/** Ships to all that the selector means, wave by wave, and tells what became of it. */
async function rollOut(session: Session, fleet: Fleet, loaded: LoadedForMany, how: HowToRollOut): Promise<ExitCode> {
  const { signal } = session.io;
  const { file, flags, plan: plansFirst, yes, ...rest } = how;
  const manifestOf = (device: KnownDevice): MadeManifest => madeFor(loaded, device);
  const all = () => manifestsOfMany(fleet, { selector: how.selector, manifestOf }, signal);
  const secrets = await gatherForMany(session, flags, all);
  if (typeof secrets === "number") return secrets;
  const id = newId(new Date());
  const preparing = fleet.rollouts.prepare(
    { ...rest, ...runner(), id, file: basename(file), manifestOf, secrets },
    { signal },
  );
  const prepared = await preparing.finally(() => wipe(secrets.values));
  if (prepared._tag !== "Prepared") return tellUnprepared(session, prepared);
  const { plan, leftOut, stored } = prepared;
  if (leftOut.length > 0) session.say(`in no group of ${file}, and left out: ${leftOut.join(", ")}`);
  for (const line of plan.arithmetic) session.say(line);
  for (const line of plan.warnings) session.say(`warning: ${line}`);
  if (plansFirst) {
    const devices = [...stored].map(([agentId, asked]) => ({ agentId, asked }));
    const ended = await confirmedForMany(session, fleet, devices, { yes, signers: how.signers });
    if (ended !== null) return ended;
  }
  const assets = loaded._tag === "Loaded" ? loaded.assets : loaded.assets();
  const failed = await uploadOrTell(session, fleet, assets, { signal });
  if (failed !== null) return failed;
  // Somebody may have thought for long, and the lease counts from now.
  const now = new Date().toISOString();
  const { lease } = prepared.rollout;
  const rollout = { ...prepared.rollout, lease: lease && { ...lease, at: now } };
  const begun = await fleet.rollouts.begin(rollout, { signal });
  if (begun._tag === "Unreachable") {
    tellUnreachable(session, begun);
    return EXIT.unreachable;
  }
  if (begun._tag === "Taken") {
    session.complain(`there is a roll-out ${rollout.id} already`, "Try again.");
    return EXIT.finding;
  }
  session.say(`roll-out ${rollout.id} to ${Object.keys(rollout.devices).length} devices has begun`);
  const progress = rolloutProgress(session);
  const { revision } = begun;
  const options = { signal, signers: how.signers, onProgress: progress.tell };
  const done = await fleet.rollouts.run({ rollout, revision }, options).finally(progress.end);
  return reportRun(session, done);
}
