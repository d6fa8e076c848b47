import * as z from "zod";
import { type AnyScore, type AnyScoreClass, InvalidSpec } from "../scores/score.ts";
import { SPEC_LIMIT_BYTES } from "../scores/spec.ts";
import { cycles } from "../topology/cycles.ts";
import { lacks, lackSentence } from "../topology/lacks.ts";
import { SCORES_LIMIT } from "../topology/manifest.ts";
import { type Policies, policiesOf } from "../topology/policies.ts";
import { SCORE_ID } from "../topology/parts.ts";
import type { RollbackOnFailure } from "../topology/rollback.ts";
import type { Topology } from "../topology/topology.ts";
import type { DevicePolicies } from "./device-policy.ts";
import { digestOf } from "./digest.ts";
import { AssetEnvelope, type Envelope, InlineEnvelope, Payload, PAYLOAD_LIMIT_BYTES, WireScore } from "./envelope.ts";
import type { AgentId } from "./keys.ts";
import { denialsOfScore, denialsOfWhole, sentencesOf } from "./policy-gate.ts";
import type { ManifestRefusal, ScoreRefusal } from "./refusal.ts";
import { type JsonLimits, measure, scan } from "./scan.ts";
import type { Opener } from "./secrets/opener.ts";
import { fitting, signers, type Trust } from "./signature.ts";
import { decodeSpec } from "./spec-codec.ts";
import { tooFewFor, tooFewToDrop } from "./threshold.ts";
import { safeParse } from "./safe-parse.ts";

/** The third gate: what an agent makes of the bytes in its key. Total: it never throws, and allocates within bounds. */
export interface Gate extends Trust {
  readonly agentId: AgentId;
  readonly kinds: readonly AnyScoreClass[];
  readonly topology: Topology;
  /** What the device's own policies allow. Default: everything. */
  readonly policy?: DevicePolicies | undefined;
  /** Opens the secrets that are sealed for this device. Default: it has no key, and no Score with a secret can be taken. */
  readonly opener?: Opener | undefined;
  /** The device's clock, by which keys end. Default: they end by what the manifest says of itself alone. */
  readonly now?: Date | undefined;
  /** What the agent holds of its manifest in force; some of it may not be dropped by few. Default: nothing. */
  readonly held?: Iterable<{ readonly id: string; readonly kind: string }> | undefined;
  /** Who is known to have signed, where that was found out before: signatures are not looked at then. */
  readonly signedBy?: readonly string[] | undefined;
}

interface Accepted {
  readonly _tag: "Score";
  readonly score: AnyScore;
  /** What on the device it is about. */
  readonly identity: string;
  /** As it came, for the ledger: what is dropped later is retired by its last accepted spec. */
  readonly wire: WireScore;
  /** See `digestOf`. */
  readonly digest: string;
  readonly after: readonly string[];
  readonly restartOn: readonly string[];
  readonly policies: Policies;
}

/** One Score of an accepted manifest. */
export type DecodedScore =
  | Accepted
  | {
      readonly _tag: "Refused";
      readonly kind: string;
      readonly version: number;
      readonly refusal: ScoreRefusal;
      /** As it came. Only where nothing but a capability is lacking, which may come back. */
      readonly wire?: WireScore;
      /** What it is about. Only where that is known and a capability is lacking. */
      readonly identity?: string;
    };

export interface DecodedManifest {
  readonly generation: number;
  readonly issuedAt: string;
  /** The authors who signed it, each once; none where signatures are not asked for. */
  readonly signedBy: readonly string[];
  readonly scores: ReadonlyMap<string, DecodedScore>;
  /** Null: it stays in force also where it fails. */
  readonly rollbackOnFailure: RollbackOnFailure | null;
  /** Whether known-bad content is tried again for this generation. */
  readonly retryFailed: boolean;
}

const ENVELOPE_LIMITS = { depth: 8, values: 256 };
const PAYLOAD_LIMITS = { depth: 64, values: 500_000 };
/** Of the JSON of a spec, in characters. What a kind accepts is four times smaller; this bounds what its schema is given. */
const SPEC_JSON_LIMIT = 4 * SPEC_LIMIT_BYTES;
/** Of a refusal's message, in characters: it travels in a status, and may repeat what the sender wrote. */
const MESSAGE_LIMIT = 1000;

type Refused = { readonly _tag: "Refused"; readonly refusal: ManifestRefusal };
const refuse = (reason: ManifestRefusal["reason"], message: string, generation: number | null = null): Refused => ({
  _tag: "Refused",
  refusal: { reason, message: clip(message), generation },
});

export type Opened =
  | { readonly _tag: "Inline"; readonly payload: string; readonly signatures: Envelope["signatures"] }
  /** Get the asset, and go on with `decodePayload`. */
  | {
      readonly _tag: "Asset";
      readonly sha256: string;
      /** What it is enciphered with; left out: nothing. */
      readonly key?: string;
      readonly signatures: Envelope["signatures"];
    }
  | Refused;

/** The first half: the envelope. */
export function openEnvelope(bytes: Uint8Array): Opened {
  const parsed = parseBounded(bytes, ENVELOPE_LIMITS);
  if (parsed._tag === "Refused") return parsed;
  const { value } = parsed;
  // One of the two forms, not their union: a union cannot say what is wrong.
  const isAsset = typeof value === "object" && value !== null && "payloadSha256" in value;
  const envelope = safeParse<Envelope>(isAsset ? AssetEnvelope : InlineEnvelope, value);
  if (!envelope.success) return refuse("Malformed", `the envelope: ${z.prettifyError(envelope.error)}`);
  const { signatures } = envelope.data;
  if ("payload" in envelope.data) return { _tag: "Inline", payload: envelope.data.payload, signatures };
  const { payloadSha256: sha256, payloadKey: key } = envelope.data;
  return { _tag: "Asset", sha256, ...(key !== undefined && { key }), signatures };
}

export type Decoded = { readonly _tag: "Decoded"; readonly manifest: DecodedManifest } | Refused;

/** The manifest that an agent has accepted last; `payload` is null where it knows only the number any more. */
export interface InForce {
  readonly generation: number;
  readonly payload: string | null;
  /** Who signed it. */
  readonly signedBy?: readonly string[] | undefined;
}

/**
 * The second half: the payload's exact text. Generations only rise: an older one than the one in force is refused, and
 * so is the same one with another text. `known` is what this very gate has decoded before: a Score that comes again as it
 * was is given again and not decoded anew, since most of a manifest is the same from one generation to the next.
 */
export function decodePayload(
  payload: string,
  signatures: Envelope["signatures"],
  gate: Gate,
  inForce: InForce | null,
  known: DecodedManifest["scores"] = new Map(),
): Decoded {
  const bytes = Buffer.from(payload);
  if (bytes.length > PAYLOAD_LIMIT_BYTES) return tooLarge(bytes);
  // Half a surrogate pair has no bytes of its own: two texts would share one signature.
  if (bytes.toString() !== payload) return refuse("Malformed", "the payload is not well-formed Unicode");
  const fit = gate.signedBy === undefined ? fitting(payload, signatures, gate) : ({ _tag: "NotAsked" } as const);
  if (fit._tag === "Refused") return refuse(fit.reason, fit.message);
  const parsed = parseBounded(bytes, PAYLOAD_LIMITS);
  if (parsed._tag === "Refused") return parsed;
  const read = safeParse(Payload, parsed.value);
  if (!read.success) return refuse("Malformed", `the payload: ${z.prettifyError(read.error)}`);
  const { agentId, generation, issuedAt, scores, rollbackOnFailure = null, retryFailed = false } = read.data;
  const times = { issuedAt: new Date(issuedAt), now: gate.now ?? null };
  const signed = fit._tag === "NotAsked" ? null : signers(fit.keys, times, gate);
  if (signed?._tag === "Refused") return refuse(signed.reason, signed.message, generation);
  const before = inForce?.payload === payload ? (inForce.signedBy ?? []) : [];
  const signedBy = [...new Set([...before, ...(signed?.authors ?? gate.signedBy ?? [])])];
  const refused = (reason: ManifestRefusal["reason"], message: string): Refused => {
    const { refusal } = refuse(reason, message, generation);
    return { _tag: "Refused", refusal: signedBy.length === 0 ? refusal : { ...refusal, signedBy } };
  };
  if (agentId !== gate.agentId) {
    return refused("WrongAgent", `the manifest is for agent "${agentId}", this is "${gate.agentId}"`);
  }
  if (inForce !== null && generation < inForce.generation) {
    const message = `generation ${generation} is older than ${inForce.generation}, which is in force`;
    return refused("StaleGeneration", message);
  }
  if (generation === inForce?.generation && inForce.payload !== null && payload !== inForce.payload) {
    const message = `generation ${generation} is in force with another content; a changed manifest needs a higher one`;
    return refused("StaleGeneration", message);
  }
  const ids = Object.keys(scores);
  if (ids.length > SCORES_LIMIT) return refused("TooLarge", `${ids.length} Scores, at most ${SCORES_LIMIT}`);
  const bad = ids.find((id) => !SCORE_ID.test(id));
  if (bad !== undefined) return refused("Malformed", `"${bad.slice(0, 64)}" is no Score id`);
  // The file behind it may change at any time: all of a manifest is judged by one.
  const { policy } = gate;
  const dropsTooMuch = policy === undefined ? null : tooFewToDrop(scores, gate.held ?? [], signedBy, policy);
  if (dropsTooMuch !== null) return refused("ThresholdNotMet", dropsTooMuch);
  // Before anything of it is decoded; the contents of its Files are known after.
  const tooMuch = beyondPolicy([]);
  if (tooMuch !== null) return tooMuch;
  const decoded = new Map(
    Object.entries(scores).map(
      ([id, score]) => [id, asBefore(score, known.get(id), gate) ?? openable(decodeScore(score, gate), gate)] as const,
    ),
  );
  const tooMuchContent = beyondPolicy(
    [...decoded.values()].flatMap((each) => (each._tag === "Score" ? [each.score] : [])),
  );
  if (tooMuchContent !== null) return tooMuchContent;
  const allowed = new Map([...decoded].map(([id, each]) => [id, allowedBy(policy, signedBy, id, each)] as const));
  const whole = { rollbackOnFailure, retryFailed, signedBy };
  return { _tag: "Decoded", manifest: { generation, issuedAt, scores: refuseContradictions(allowed), ...whole } };

  function beyondPolicy(given: readonly AnyScore[]): Refused | null {
    const denials = policy === undefined ? [] : denialsOfWhole(scores, given, policy);
    return denials.length === 0 ? null : refused("PolicyDenied", sentencesOf(denials));
  }
}

function allowedBy(
  policy: Gate["policy"],
  signedBy: readonly string[],
  id: string,
  decoded: DecodedScore,
): DecodedScore {
  if (policy === undefined) return decoded;
  if (decoded._tag === "Refused") {
    // What its authors are too few for has no say in what is there, either.
    const { wire, identity: _, ...rest } = decoded;
    return wire !== undefined && tooFewFor({ id, kind: wire.kind }, signedBy, policy) !== null ? rest : decoded;
  }
  const { kind, version } = decoded.score;
  const no = (reason: "PolicyDenied" | "ThresholdNotMet", message: string): DecodedScore => ({
    _tag: "Refused",
    kind,
    version,
    refusal: { reason, message: clip(message) },
  });
  const denials = denialsOfScore(id, decoded.score, policy);
  if (denials.length > 0) return no("PolicyDenied", sentencesOf(denials));
  const tooFew = tooFewFor({ id, kind }, signedBy, policy);
  return tooFew === null ? decoded : no("ThresholdNotMet", tooFew);
}

/** What was accepted before is decoded without this: it must be removable also where its secrets are lost. */
function openable(decoded: DecodedScore, { opener }: Gate): DecodedScore {
  if (decoded._tag === "Refused") return decoded;
  const { score, wire } = decoded;
  const { secrets } = score.bind();
  if (secrets.length === 0) return decoded;
  const refusal: ScoreRefusal | null =
    opener === undefined
      ? { reason: "SecretNotForThisDevice", message: "this agent has no key to open secrets with" }
      : opener.refusal(secrets, wire.secrets);
  return refusal === null ? decoded : { _tag: "Refused", kind: score.kind, version: score.version, refusal };
}

const asBefore = (value: unknown, known: DecodedScore | undefined, { topology }: Gate): DecodedScore | undefined =>
  known?._tag === "Score" &&
  lacks(known.score, topology).length === 0 &&
  JSON.stringify(value) === JSON.stringify(known.wire)
    ? known
    : undefined;

/** One Score, by the agent's own class. */
export function decodeScore(value: unknown, { kinds, topology }: Pick<Gate, "kinds" | "topology">): DecodedScore {
  const read = safeParse(WireScore, value);
  if (!read.success) {
    const refusal: ScoreRefusal = { reason: "MalformedScore", message: clip(z.prettifyError(read.error)) };
    return { _tag: "Refused", kind: textAt(value, "kind"), version: 0, refusal };
  }
  const { data: wire } = read;
  const { kind, version, requires } = wire;
  const no: Refusing = (reason, message) => ({
    _tag: "Refused",
    kind: clip(kind),
    version,
    refusal: { reason, message: clip(message) },
  });

  const named = kinds.filter((each) => each.kind === kind);
  const known = named.find((each) => each.version === version);
  if (named.length === 0) {
    return no("UnknownKind", `this agent does not know the kind "${kind}"; it knows ${list(kinds)}`);
  }
  if (known === undefined) {
    return no("UnsupportedVersion", `this agent does not know ${kind}@${version}; it knows ${list(named)}`);
  }

  const own = known.requires.map(({ name }) => name);
  if (own.length !== requires.length || own.some((name) => !requires.includes(name))) {
    const message = `the sender says that ${kind}@${version} requires ${names(requires)}; it requires ${names(own)}`;
    return no("RequiresMismatch", message);
  }
  const lacking = lacks(known, topology);
  const parsed = parseScore(known, wire, no);
  if (lacking.length === 0) return parsed;
  return {
    ...no("MissingCapability", lacking.map(lackSentence).join("; ")),
    wire,
    ...(parsed._tag === "Score" && { identity: parsed.identity }),
  };
}

type Refusing = (
  reason: ScoreRefusal["reason"],
  message: string,
) => Extract<DecodedScore, { readonly _tag: "Refused" }>;

function parseScore(known: AnyScoreClass, wire: WireScore, no: Refusing): DecodedScore {
  const { kind, version } = wire;
  const length = JSON.stringify(wire.spec.json).length;
  if (length > SPEC_JSON_LIMIT) {
    return no("InvalidSpec", `${kind}@${version}: the spec is ${length} characters of JSON`);
  }
  const spec = decodeSpec(wire.spec);
  if (spec._tag === "Refused") return no("InvalidSpec", `${kind}@${version}: ${spec.message}`);
  try {
    const score = known.parse(spec.value);
    const { identity } = score.bind();
    const { after, restartOn, secrets = {} } = wire;
    const stray = Object.keys(secrets).find((name) => !score.bind().secrets.includes(name));
    if (stray !== undefined) {
      return no("MalformedScore", `it comes with the secret "${stray}", which its spec does not refer to`);
    }
    const policies = policiesOf(wire.policies);
    return { _tag: "Score", score, identity, wire, digest: digestOf(wire), after, restartOn, policies };
  } catch (error) {
    // A schema or an identity that throws on hostile input is a bug of the kind, and still no reason to lose the agent.
    return no("InvalidSpec", error instanceof InvalidSpec ? error.message : `${kind}@${version}: ${String(error)}`);
  }
}

/** Two Scores about one thing: the later one is refused. Order that cannot be: each Score that has it is refused. */
function refuseContradictions(decoded: ReadonlyMap<string, DecodedScore>): ReadonlyMap<string, DecodedScore> {
  const result = new Map(decoded);
  const no = (
    id: string,
    { score: { kind, version } }: Accepted,
    reason: ScoreRefusal["reason"],
    message: string,
  ): void => {
    result.set(id, { _tag: "Refused", kind, version, refusal: { reason, message: clip(message) } });
  };
  const holders = new Map<string, string>();
  for (const [id, each] of decoded) {
    if (each._tag === "Refused") continue;
    const holder = holders.get(each.identity);
    if (holder !== undefined) {
      no(id, each, "DuplicateIdentity", `"${holder}" is about ${each.identity} already`);
      continue;
    }
    holders.set(each.identity, id);
    const missing = [...each.after, ...each.restartOn].find((on) => !decoded.has(on));
    if (missing !== undefined) no(id, each, "InvalidOrder", `there is no Score "${missing}"`);
    else if (each.restartOn.includes(id)) no(id, each, "InvalidOrder", "it restarts on its own changes");
  }
  const after = new Map(
    [...result].flatMap(([id, each]) => (each._tag === "Score" ? [[id, each.after] as const] : [])),
  );
  for (const group of cycles(after)) {
    for (const id of group) {
      const each = result.get(id);
      if (each?._tag !== "Score") continue;
      no(
        id,
        each,
        "InvalidOrder",
        group.length === 1 ? "it comes after itself" : `these come after each other: ${group.join(", ")}`,
      );
    }
  }
  return result;
}

type Parsed = { readonly _tag: "Parsed"; readonly value: unknown } | Refused;

function parseBounded(bytes: Uint8Array, limits: JsonLimits): Parsed {
  if (bytes.length > PAYLOAD_LIMIT_BYTES) return tooLarge(bytes);
  const unbounded = measure(bytes, limits);
  if (unbounded !== null) return refuse("Malformed", unbounded);
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch (error) {
    return refuse("Malformed", `not JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  const wrong = scan(value);
  return wrong === null ? { _tag: "Parsed", value } : refuse("Malformed", wrong);
}

const tooLarge = ({ length }: Uint8Array): Refused =>
  refuse("TooLarge", `${length} bytes, at most ${PAYLOAD_LIMIT_BYTES}`);

/** Also makes it well-formed Unicode, which not every reader of a status would do for itself. */
const clip = (message: string): string =>
  Buffer.from(message.length > MESSAGE_LIMIT ? `${message.slice(0, MESSAGE_LIMIT)}...` : message).toString();

const list = (kinds: readonly AnyScoreClass[]): string =>
  kinds.map(({ kind, version }) => `${kind}@${version}`).join(", ");
const names = (given: readonly string[]): string => (given.length === 0 ? "nothing" : given.join(", "));
const textAt = (value: unknown, key: string): string => {
  const text: unknown = typeof value === "object" && value !== null ? Reflect.get(value, key) : undefined;
  return typeof text === "string" && text !== "" ? clip(text.slice(0, 64)) : "?";
};
