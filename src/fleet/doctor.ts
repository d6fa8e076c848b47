import { CapabilitiesDocument, Heartbeat, readDocument } from "../wire/status.ts";
import { AgentId } from "../wire/keys.ts";
import { BUCKETS, type CallOptions, type Unreachable } from "../wire/store.ts";
import { LivenessJudge } from "./liveness.ts";
import type { FleetParts } from "./parts.ts";

export interface FleetFinding {
  /** What was looked at: `server`, `bucket desired-state`, `agent pi-7`. */
  readonly check: string;
  readonly level: "ok" | "warn" | "fail";
  /** One sentence: what was found. */
  readonly found: string;
  /** One sentence: what to do; null where nothing is. */
  readonly next: string | null;
}

export interface ExaminedServer {
  readonly name: string;
  readonly version: string;
  readonly hasJetStream: boolean;
}

/** Clocks of devices that differ more from the server's than that are told. */
const SKEW_MS = 5_000;
const OLDEST_SERVER = [2, 10] as const;

/** What is wrong with a fleet's server, with what these credentials may, and with its agents. Changes nothing. */
export async function fleetDoctor(
  parts: FleetParts,
  server: ExaminedServer,
  version: string,
  call: CallOptions = {},
): Promise<readonly FleetFinding[]> {
  const buckets = await bucketFindings(parts, call);
  const agents = buckets.some(({ level }) => level === "fail") ? [] : await agentFindings(parts, version, call);
  return [...serverFindings(server), ...buckets, ...agents];
}

function serverFindings({ name, version, hasJetStream }: ExaminedServer): readonly FleetFinding[] {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const isOld = major < OLDEST_SERVER[0] || (major === OLDEST_SERVER[0] && minor < OLDEST_SERVER[1]);
  return [
    isOld
      ? finding(
          "server",
          "fail",
          `${name} is nats-server ${version}`,
          `Update it: ${OLDEST_SERVER.join(".")} or newer is needed.`,
        )
      : finding("server", "ok", `${name} answers, nats-server ${version}`),
    // Of an account without streams of its own it says no, and its buckets say how it is.
    ...(hasJetStream
      ? []
      : [finding("JetStream", "ok", "this account has none of its own, as that of a fleet's authors")]),
  ];
}

async function bucketFindings({ store }: FleetParts, call: CallOptions): Promise<readonly FleetFinding[]> {
  const looks = BUCKETS.map(async (bucket) => {
    const keys = await store.keys(bucket, call);
    if (!("_tag" in keys)) return finding(`bucket ${bucket}`, "ok", `is there, with ${keys.length} keys`);
    return lost(`bucket ${bucket}`, keys);
  });
  const events = await store.lastEvent("*", call);
  const record =
    events._tag === "Unreachable"
      ? lost("stream of events", events, "warn")
      : finding("stream of events", "ok", "is there");
  return [...(await Promise.all(looks)), record];
}

function lost(check: string, { reason, message }: Unreachable, level: "warn" | "fail" = "fail"): FleetFinding {
  const next = {
    NoBucket: "harmony fleet serve makes it, and so does the first apply with the operator's credentials.",
    Denied: "Use the credentials of an author or of the operator: --creds FILE.",
    Disconnected: "Look whether the server runs.",
    TimedOut: "Look at the server's load and its disk.",
    Failed: "Look at the server's log.",
  }[reason];
  return finding(check, level, message, next);
}

async function agentFindings(parts: FleetParts, version: string, call: CallOptions): Promise<readonly FleetFinding[]> {
  const { store } = parts;
  const [beats, told] = await Promise.all([store.keys("heartbeat", call), store.keys("capabilities", call)]);
  if ("_tag" in beats) return [lost("agents", beats)];
  if ("_tag" in told) return [lost("agents", told)];
  const ids = [...new Set([...beats, ...told])].toSorted().flatMap((key) => AgentId.safeParse(key).data ?? []);
  const findings: FleetFinding[] = [];
  for (const id of ids) findings.push(...(await agentFinding(parts, id, version, call)));
  const wrong = findings.filter(({ level }) => level !== "ok").length;
  const whole =
    ids.length === 0
      ? "none has been heard of"
      : `${ids.length} are known, of which ${wrong === 0 ? "nothing is to be said" : `${wrong} things are to be said`}`;
  const next = ids.length === 0 ? "harmony agent run on a device starts one; harmony fleet accept lets it in." : null;
  return [finding("agents", ids.length === 0 ? "warn" : "ok", whole, next), ...findings];
}

/** What is to be said of one; nothing where all is well. */
async function agentFinding(
  { store, clock }: FleetParts,
  id: AgentId,
  version: string,
  call: CallOptions,
): Promise<readonly FleetFinding[]> {
  const check = `agent ${id}`;
  const [beat, told] = await Promise.all([
    store.revisionAt("heartbeat", id, 1, call),
    store.get("capabilities", id, call),
  ]);
  if (beat._tag === "Unreachable") return [lost(check, beat)];
  if (told._tag === "Unreachable") return [lost(check, told)];
  const found: FleetFinding[] = [];
  const warn = (said: string, next: string): void => void found.push(finding(check, "warn", said, next));

  const read = beat._tag === "Revision" && beat.value !== null ? readDocument(Heartbeat, beat.value) : null;
  const heartbeat = read?._tag === "Read" ? read.document : null;
  if (read?._tag === "Unreadable") warn(`its heartbeat cannot be read: ${read.message}`, UPDATE);
  else if (heartbeat === null) warn("it has never been heard of", "Look on the device: harmony agent doctor.");
  const ahead = beat._tag === "Revision" && heartbeat !== null ? Date.parse(heartbeat.at) - beat.storedAt.getTime() : 0;
  const { freshness, silentMs } = new LivenessJudge(clock).judge(heartbeat);
  if (Math.abs(ahead) > SKEW_MS) {
    const way = ahead > 0 ? "ahead of" : "behind";
    const said = `its clock is ${Math.round(Math.abs(ahead) / 1000)} s ${way} the server's`;
    warn(said, "Set it, by systemd-timesyncd say: signatures and certificates go by it.");
  } else if (freshness === "stale") {
    const said = `it has been silent for ${Math.round((silentMs ?? 0) / 1000)} s`;
    warn(said, "Look on the device: harmony agent doctor, and journalctl --unit harmony-agent.");
  }
  if (heartbeat !== null && heartbeat.agentVersion !== version) {
    const said = `it is of version ${heartbeat.agentVersion}, and this is ${version}`;
    warn(said, "Update the older one; what is not known to both is refused by name.");
  }

  const document = told._tag === "Value" ? readDocument(CapabilitiesDocument, told.value) : null;
  if (document?._tag === "Unreadable") warn(`what it offers cannot be read: ${document.message}`, UPDATE);
  const policy = document?._tag === "Read" ? document.document.policy : undefined;
  const { unreadable = null, signed } = policy ?? {};
  if (unreadable !== null) {
    const said = `a policy of its owner cannot be read: ${unreadable}`;
    warn(said, "Correct the file on the device: nothing new is taken there.");
  }
  if (signed !== undefined && signed.refused !== null) {
    const { reason, message } = signed.refused;
    const said = `it refuses the signed policy that lies there: ${reason}: ${message}`;
    warn(said, "Sign a newer one: harmony policy sign. The one before stays in force.");
  }
  return found;
}

const UPDATE = "Is it of a newer version than this harmony? Update harmony.";

const finding = (
  check: string,
  level: FleetFinding["level"],
  found: string,
  next: string | null = null,
): FleetFinding => ({
  check,
  level,
  found,
  next,
});
