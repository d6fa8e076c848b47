// What one version of the agent's decoder makes of bytes. `node scripts/released.ts` bundles this file with all that it
// imports at a release; the tests run it from the sources, and from the bundles of the versions before.
import type { AnyCapability } from "../../../src/capabilities/capability.ts";
import { KINDS } from "../../../src/scores/index.ts";
import { interpret } from "../../../src/scores/interpret.ts";
import { FakeClock, settle } from "../../../src/testing/fake-clock.ts";
import { topology } from "../../../src/topology/topology.ts";
import { decodePayload, type DecodedScore, openEnvelope } from "../../../src/wire/decode.ts";
import { AgentId } from "../../../src/wire/keys.ts";
import { keyPairOf } from "../../../src/wire/secrets/hpke.ts";
import { Opener } from "../../../src/wire/secrets/opener.ts";
import { keyIdOf, sealingKeyOf } from "../../../src/wire/secrets/sealed.ts";
import { encodeSpec } from "../../../src/wire/spec-codec.ts";
import { changing, device } from "./device.ts";

/** Plain data, so that two versions can be compared by it. */
export interface Makes {
  /** Why the whole is refused; null where it is taken. */
  readonly refused: string | null;
  readonly manifest: unknown;
  readonly scores: Readonly<Record<string, MakesOfScore>>;
}
export type MakesOfScore =
  | { readonly refused: string; readonly message: string }
  | {
      readonly refused: null;
      readonly kind: string;
      readonly version: number;
      readonly identity: string;
      readonly digest: string;
      readonly spec: unknown;
      readonly after: readonly string[];
      readonly restartOn: readonly string[];
      readonly policies: unknown;
      /** All that it does to a device with little on it, and what comes of that: what the fields of the spec mean. */
      readonly effects: readonly unknown[];
      readonly outcome: string;
    };

/** `File@1`, and so on. */
export const knows: readonly string[] = KINDS.map(({ kind, version }) => `${kind}@${version}`);

/** That of the golden envelopes. */
export const PAIR = keyPairOf(Buffer.alloc(32, 7));
export const AGENT = AgentId.parse("pi-7");
const required = KINDS.flatMap(({ requires }): readonly AnyCapability[] => requires);
const gate = {
  agentId: AGENT,
  kinds: KINDS,
  topology: topology("Everywhere", [...new Map(required.map((each) => [each.name, each])).values()]),
  trustedKeys: new Map(),
  opener: new Opener({ agentId: AGENT, keys: () => new Map([[keyIdOf(sealingKeyOf(PAIR)), PAIR]]) }),
};

export async function whatItMakes(envelope: Uint8Array): Promise<Makes> {
  const opened = openEnvelope(envelope);
  if (opened._tag === "Asset") return { refused: null, manifest: opened, scores: {} };
  const decoded = opened._tag === "Refused" ? opened : decodePayload(opened.payload, opened.signatures, gate, null);
  if (decoded._tag === "Refused") return { refused: decoded.refusal.reason, manifest: null, scores: {} };
  const { scores, ...manifest } = decoded.manifest;
  const made: Record<string, MakesOfScore> = {};
  for (const [id, score] of scores) made[id] = await ofScore(id, score);
  return plain({ refused: null, manifest, scores: made });
}

async function ofScore(id: string, decoded: DecodedScore): Promise<MakesOfScore> {
  if (decoded._tag === "Refused") return { refused: decoded.refusal.reason, message: decoded.refusal.message };
  const { score, wire, identity, digest, after, restartOn, policies } = decoded;
  const images = (score.bind().reach ?? []).flatMap((each) => (each._tag === "image" ? [each.image] : []));
  const clock = new FakeClock();
  const { ports, effects, assets } = device(clock, images);
  const interpreted = { outcome: "" };
  void interpret(score, {
    ports,
    clock,
    log: () => {},
    stop: new AbortController().signal,
    secrets: gate.opener.of(id, wire.secrets),
    assets,
    superseded: () => false,
    claim: async () => {},
  }).then((made) => (interpreted.outcome = made.outcome === "FAILURE" ? made.failure._tag : made.outcome));
  // What waits for time to pass has it pass.
  while (interpreted.outcome === "") {
    await settle();
    clock.ringNext();
  }
  const { kind, version, requires } = score;
  return {
    refused: null,
    kind,
    version,
    identity,
    digest,
    spec: encodeSpec(score.spec),
    after,
    restartOn,
    policies,
    effects: changing(effects, requires),
    outcome: interpreted.outcome,
  };
}

const parse: (text: string) => Makes = JSON.parse;
const plain = (makes: Makes): Makes => parse(JSON.stringify(makes));
