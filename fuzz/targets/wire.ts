import { createPublicKey } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { KINDS } from "../../src/scores/index.ts";
import { PiTopology } from "../../src/topology/pi.ts";
import { PiWithAuditedShellTopology } from "../../src/topology/pi-with-audited-shell.ts";
import {
  type Decoded,
  decodePayload,
  type DecodedScore,
  decodeScore,
  type Gate,
  openEnvelope,
} from "../../src/wire/decode.ts";
import { digestOf } from "../../src/wire/digest.ts";
import { encodeScore } from "../../src/wire/encode.ts";
import { AgentId } from "../../src/wire/keys.ts";
import { MANIFEST_REFUSALS, SCORE_REFUSALS } from "../../src/wire/refusal.ts";
import { CORPUS } from "../../test/wire/hostile/corpus.ts";
import { mutate } from "../mutate.ts";
import { promise, type Target } from "../target.ts";

const GOLDEN = "test/wire/golden";
const MESSAGE_LIMIT = 1003;
const SEED_LIMIT_BYTES = 16 * 1024;

const plain: Gate = {
  agentId: AgentId.parse("pi-7"),
  kinds: [...KINDS],
  topology: PiWithAuditedShellTopology,
  trustedKeys: new Map(),
};
const strict: Gate = {
  ...plain,
  topology: PiTopology,
  policy: {
    reserved: { paths: ["/etc/harmony-edge"], units: ["harmony-agent.service"] },
    policies: [
      {
        name: "/etc/p.json",
        rules: { paths: ["/srv"], units: ["web*"], registries: ["ghcr.io"], limits: { scores: 3 } },
      },
    ],
    unreadable: null,
  },
};

/** The decoder of envelopes: whatever bytes are in an agent's key. */
export function open(): Target {
  const golden = readdirSync(GOLDEN).filter((file) => /^([A-Z].*@\d+[a-z-]*|envelope-[a-z]+)\.json$/.test(file));
  const envelopes = golden.map((file) => readFileSync(`${GOLDEN}/${file}`));
  const pem = readFileSync(`${GOLDEN}/envelope-signed.public-key.pem`);
  const signed = readFileSync(`${GOLDEN}/envelope-signed.json`);
  const opened = openEnvelope(signed);
  if (opened._tag !== "Inline") throw new Error("the golden signed envelope is one no more");
  const trusting: Gate = {
    ...plain,
    trustedKeys: new Map(opened.signatures.map(({ key }) => [key, createPublicKey(pem)])),
  };
  if (decodePayload(opened.payload, opened.signatures, trusting, null)._tag !== "Decoded") {
    throw new Error("the golden signed envelope is not taken any more");
  }
  return {
    seeds: [
      ...envelopes,
      // The larger ones are read by test/wire/hostile, and would take all of a short run.
      ...CORPUS.map(({ bytes }) => bytes()).filter(({ length }) => length <= SEED_LIMIT_BYTES),
    ],
    invent: (random) => {
      // Something that somebody else signed, or a part of it, on what anybody wrote.
      const other = openEnvelope(random.pick(envelopes) ?? signed);
      if (other._tag !== "Inline") return signed;
      const payload = random.chance(0.5) ? other.payload : opened.payload.replace(/\d/, String(random.below(10)));
      const signatures = random.chance(0.7)
        ? opened.signatures
        : [...other.signatures, ...opened.signatures, ...other.signatures];
      const made = Buffer.from(JSON.stringify({ wire: 1, payload, signatures }));
      return random.chance(0.5) ? made : mutate(made, signed, random);
    },
    run: (input) => {
      const envelope = openEnvelope(input);
      if (envelope._tag === "Refused") return isTold(envelope.refusal, MANIFEST_REFUSALS);
      if (envelope._tag === "Asset") {
        return promise(/^[0-9a-f]{64}$/.test(envelope.sha256), "an asset is named by its hash");
      }
      const { payload, signatures } = envelope;
      const decoded = decodePayload(payload, signatures, plain, null);
      const again = decodePayload(payload, signatures, plain, null, scoresOf(decoded));
      promise(summary(decoded) === summary(again), "the same bytes are read in the same way, also when they are known");
      isUnderstood(decoded);
      isUnderstood(decodePayload(payload, signatures, strict, { generation: 5, payload: null }));
      const byKey = decodePayload(payload, signatures, trusting, null);
      promise(byKey._tag === "Refused" || payload === opened.payload, "nobody without the key signs anything");
      isClean();
    },
  };
}

function isTold({ reason, message }: { reason: string; message: string }, reasons: readonly string[]): void {
  promise(reasons.includes(reason), `a refusal has a known reason: ${reason}`);
  promise(message.length > 0 && message.length <= MESSAGE_LIMIT, "a refusal has a message of at most 1003 characters");
  promise(Buffer.from(message).toString() === message, "a refusal's message is well-formed Unicode");
}

function isUnderstood(decoded: Decoded): void {
  if (decoded._tag === "Refused") return isTold(decoded.refusal, MANIFEST_REFUSALS);
  for (const each of decoded.manifest.scores.values()) {
    if (each._tag === "Refused") isTold(each.refusal, SCORE_REFUSALS);
    else goesRound(each);
  }
}

/** What was taken is written, and read again, as the same. */
function goesRound({ score, after, restartOn, wire: came, identity }: Extract<DecodedScore, { _tag: "Score" }>): void {
  promise(
    KINDS.some(({ kind, version }) => kind === score.kind && version === score.version),
    "a Score is of a known kind",
  );
  const wire = encodeScore(score, after, restartOn, came.policies);
  const read = decodeScore(JSON.parse(JSON.stringify(wire)), plain);
  promise(read._tag === "Score", `what was taken is taken again: ${JSON.stringify(read)}`);
  promise(read.digest === digestOf(wire), "what is written and read again has the same digest");
  promise(digestOf(encodeScore(read.score)) === read.digest, "to write it changes nothing of its digest");
  promise(read.identity === identity, "what is written and read again is about the same thing");
}

const scoresOf = (decoded: Decoded) => (decoded._tag === "Decoded" ? decoded.manifest.scores : new Map());

const summary = (decoded: Decoded): string =>
  decoded._tag === "Refused"
    ? JSON.stringify(decoded)
    : JSON.stringify(
        [...decoded.manifest.scores].map(([id, each]) => [id, each._tag === "Refused" ? each : each.digest]),
      );

const PROTOTYPES = [Object.prototype, Array.prototype, Function.prototype, Map.prototype, Set.prototype];
const OWN = PROTOTYPES.map((each) => Reflect.ownKeys(each).length);

/** Nothing of what all share was changed. */
const isClean = (): void =>
  promise(
    PROTOTYPES.every((each, at) => Reflect.ownKeys(each).length === OWN[at]),
    "no input reaches what all objects share",
  );
