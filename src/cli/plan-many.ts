import { resolve } from "node:path";
import { knownDevice } from "../check/fleet.ts";
import {
  type DevicePlan,
  type DeviceToPlan,
  type Fleet,
  groupPlans,
  isFinding,
  isUnanswered,
  type Selector,
} from "../fleet/index.ts";
import type { KnownDevice } from "../topology/fleet-manifest.ts";
import type { Manifest } from "../topology/manifest.ts";
import type { AgentId } from "../wire/keys.ts";
import { askAll, plansDocument } from "./asking-all.ts";
import { bundleIn } from "./bundle-file.ts";
import { EXIT, type ExitCode } from "./exit-code.ts";
import { fitsOrTell, loadForManyOrTell } from "./manifest-file.ts";
import { plansReport } from "./plans-report.ts";
import { type LoadedForMany, madeFor } from "./made-for.ts";
import { type SecretFlags, wipe } from "./secret-options.ts";
import { gatherForMany } from "./secrets-for-many.ts";
import { documentsOrTell } from "./selector-option.ts";
import { tellUnreachable, withFleet } from "./server.ts";
import { printJson, type Session } from "./session.ts";
import { readSigners } from "./sign-option.ts";
import { secretsOf } from "../fleet/secrets.ts";

interface PlansWish {
  readonly whom: Selector | readonly AgentId[];
  readonly timeoutMs: number;
  readonly concurrency: number | undefined;
  readonly sign: readonly string[];
  readonly secrets: SecretFlags;
}

/** `harmony plan FILE` for several agents, or for a selector. */
export async function planForMany(session: Session, file: string, wish: PlansWish): Promise<ExitCode> {
  const { io } = session;
  const bundle = await bundleIn(session, file);
  if (bundle === "Unreadable") return EXIT.usage;
  if (bundle !== null) {
    session.complain(`${file} is a signed bundle, which is for one device`, "Name that one by --agent alone.");
    return EXIT.usage;
  }
  const signers = await readSigners(session, wish.sign);
  if (signers === null) return EXIT.usage;
  const loaded = await loadForManyOrTell(session, file);
  if (loaded === null) return EXIT.usage;
  if (loaded._tag === "Loaded") {
    const { manifest } = loaded;
    const target = { _tag: "Topology", topology: manifest.topology } as const;
    if (!fitsOrTell(session, resolve(io.cwd, file), manifest, [target])) return EXIT.finding;
  }
  return withFleet(session, async (fleet) => {
    const meant = await devicesOrTell(session, fleet, wish.whom);
    if (typeof meant === "number") return meant;
    const sorted = sortOut(loaded, meant);
    const manifests = sorted.devices.map(({ manifest }) => manifest);
    const secrets = await gatherForMany(session, wish.secrets, () => Promise.resolve(manifests));
    if (typeof secrets === "number") return secrets;
    const known = new Set(manifests.flatMap(secretsOf));
    const stray = [...secrets.values.keys()].filter((name) => !known.has(name));
    if (stray.length > 0) {
      wipe(secrets.values);
      session.complain(`no manifest refers to a secret "${stray.join('", "')}"`, "Is its name right?");
      return EXIT.finding;
    }
    const devices = sorted.devices.map(({ agentId, manifest }): DeviceToPlan => {
      const names = secretsOf(manifest);
      // What another group of the same file refers to is no mistake here.
      const values = new Map([...secrets.values].filter(([name]) => names.includes(name)));
      return { agentId, asked: manifest, secrets: { values, trustedKeys: secrets.trustedKeysOf(agentId) } };
    });
    const { timeoutMs, concurrency } = wish;
    const plans = await askAll(session, fleet, devices, { timeoutMs, concurrency, signers }).finally(() =>
      wipe(secrets.values),
    );
    if (typeof plans === "number") return plans;
    return report(session, [...plans, ...sorted.refused], sorted.leftOut);
  });
}

/**
 * What a plan of many ends with. A finding is the worst: to ask again would not mend it. Then that not all could be asked.
 */
export const worstOf = (plans: readonly DevicePlan[]): ExitCode =>
  plans.some(isFinding) ? EXIT.finding : plans.some(isUnanswered) ? EXIT.unreachable : EXIT.done;

function report(session: Session, plans: readonly DevicePlan[], leftOut: readonly AgentId[]): ExitCode {
  const groups = groupPlans(plans);
  if (session.json) printJson(session, plansDocument(plans, leftOut));
  else {
    if (leftOut.length > 0) session.say(`in no group of the file, and left out: ${leftOut.join(", ")}`);
    session.io.out(plansReport(groups, session.paintOut));
  }
  return worstOf(plans);
}

interface Meant {
  readonly agentId: AgentId;
  readonly known: KnownDevice;
}

/** What is known of those that are meant. Of one that has published nothing, its id alone. */
async function devicesOrTell(
  session: Session,
  fleet: Fleet,
  whom: PlansWish["whom"],
): Promise<readonly Meant[] | ExitCode> {
  if ("requirements" in whom) {
    const found = await documentsOrTell(session, fleet, whom);
    if (typeof found === "number") return found;
    return found.map(({ agentId, document }) => ({ agentId, known: knownDevice({ ...document, agentId }) }));
  }
  const meant: Meant[] = [];
  for (const agentId of whom) {
    const read = await fleet.capabilities(agentId, { signal: session.io.signal });
    if (read._tag === "Unreachable" && read.reason !== "NoBucket") {
      tellUnreachable(session, read);
      return EXIT.unreachable;
    }
    const unknown = { agentId, labels: {}, hardware: null, facts: {} };
    meant.push({ agentId, known: read._tag === "Read" ? knownDevice({ ...read.document, agentId }) : unknown });
  }
  return meant;
}

interface SortedOut {
  readonly devices: readonly { readonly agentId: AgentId; readonly manifest: Manifest }[];
  readonly refused: readonly DevicePlan[];
  /** In no group of the file. */
  readonly leftOut: readonly AgentId[];
}

function sortOut(loaded: LoadedForMany, meant: readonly Meant[]): SortedOut {
  const devices: { agentId: AgentId; manifest: Manifest }[] = [];
  const refused: DevicePlan[] = [];
  const leftOut: AgentId[] = [];
  for (const { agentId, known } of meant) {
    const made = madeFor(loaded, known);
    if (made._tag === "Made") devices.push({ agentId, manifest: made.manifest });
    else if (made._tag === "NotMeant") leftOut.push(agentId);
    else refused.push({ _tag: "NotPlanned", agentId, reason: "NoManifest", message: made.message });
  }
  return { devices, refused, leftOut };
}
