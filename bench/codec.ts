import { KINDS } from "../src/scores/index.ts";
import { PiTopology } from "../src/topology/pi.ts";
import { type DecodedManifest, decodePayload, type Gate } from "../src/wire/decode.ts";
import { encode } from "../src/wire/encode.ts";
import { AgentId } from "../src/wire/keys.ts";
import { converge, deviceAt, longestBlock } from "./device.ts";
import { durableWrite } from "./durable-write.ts";
import { type Benchmark, type Figure, figure, type Place } from "./figure.ts";
import { contentOf, idOf } from "./content.ts";
import { declared, fileScore } from "./files.ts";
import { mkdirSync } from "node:fs";
import { join } from "node:path";

const SCORES = 1000;
const ROUNDS = 30;
const COLD_ROUNDS = 3;
const WARM_UP = 5;

const agentId = AgentId.parse("bench");
const gate: Gate = { agentId, kinds: KINDS, topology: PiTopology, trustedKeys: new Map() };

const payloadOf = (generation: number, wanted = declared(SCORES)): string => {
  const encoded = encode(wanted, { agentId, generation, issuedAt: new Date() });
  if (encoded._tag !== "Encoded") throw new Error(encoded._tag);
  return encoded.payload;
};

const decodedFrom = (payload: string, known?: DecodedManifest["scores"]): DecodedManifest => {
  const decoded = decodePayload(payload, [], gate, null, known);
  if (decoded._tag !== "Decoded") throw new Error(decoded.refusal.message);
  return decoded.manifest;
};

export const codec: Benchmark = {
  name: "codec",
  title: `A manifest of ${SCORES} File Scores of 1 KiB: encoding, decoding and taking it, against plain JSON of the same data`,
  async run(place) {
    place.progress("encoding and decoding");
    const manifest = declared(SCORES);
    const payload = payloadOf(1);
    // The same data without classes, as a program would hold it that sends plain JSON.
    const plain: unknown = JSON.parse(payload);
    const options = { agentId, generation: 1, issuedAt: new Date() };
    const [encoded, stringified] = turns(
      () => encode(manifest, options),
      () => JSON.stringify(plain),
    );
    const [decoded, parsed] = turns(
      () => decodedFrom(payload),
      () => JSON.parse(payload) as unknown,
    );
    const known = decodedFrom(payload).scores;
    const next = payloadOf(2, { ...manifest, scores: { ...manifest.scores, [idOf(0)]: fileScore(0, 1) } });
    const [again, parsedAgain] = turns(
      () => decodedFrom(next, known),
      () => JSON.parse(next) as unknown,
    );
    const perScore = (values: readonly number[]): readonly number[] => values.map((ms) => (ms / SCORES) * 1000);
    return [
      figure({
        name: "encode, a Score",
        unit: "us",
        ours: perScore(encoded),
        baseline: { name: "JSON.stringify", values: perScore(stringified) },
      }),
      figure({
        name: "decode, a Score",
        unit: "us",
        ours: perScore(decoded),
        baseline: { name: "JSON.parse", values: perScore(parsed) },
      }),
      figure({
        name: "decode, a Score, of the next generation in which one has changed",
        unit: "us",
        ours: perScore(again),
        baseline: { name: "JSON.parse", values: perScore(parsedAgain) },
      }),
      ...(await taking(place)),
    ];
  },
};

function turns(ours: () => unknown, bare: () => unknown): readonly [readonly number[], readonly number[]] {
  const timed = (work: () => unknown): number => {
    const began = performance.now();
    work();
    return performance.now() - began;
  };
  const pairs = Array.from({ length: ROUNDS + WARM_UP }, () => [timed(ours), timed(bare)] as const).slice(WARM_UP);
  return [pairs.map(([ms]) => ms), pairs.map(([, ms]) => ms)];
}

/** From the text to a converged device: nothing there yet, and then the same again under a new generation. */
async function taking(place: Place): Promise<readonly Figure[]> {
  const [cold, bare, again, blocks]: [number[], number[], number[], number[]] = [[], [], [], []];
  for (let round = 0; round < COLD_ROUNDS; round += 1) {
    place.progress(`writing ${SCORES} files, round ${round + 1} of ${COLD_ROUNDS}`);
    const root = join(place.directory, `cold-${round}`);
    const directory = join(root, "files");
    mkdirSync(directory, { recursive: true });
    const device = await deviceAt(root, place);
    const first = decodedFrom(payloadOf(1));
    cold.push(await timedAsync(() => converge(device, first)));

    const beside = join(root, "bare");
    mkdirSync(beside);
    bare.push(
      await timedAsync(async () => {
        for (let index = 0; index < SCORES; index += 1) {
          durableWrite(beside, idOf(index), Buffer.from(contentOf(index)));
        }
      }),
    );

    for (let generation = 2; generation < 7; generation += 1) {
      const payload = payloadOf(generation);
      let took = 0;
      blocks.push(
        await longestBlock(async () => {
          const began = performance.now();
          await converge(device, decodedFrom(payload));
          took = performance.now() - began;
        }),
      );
      again.push(took);
    }
  }
  return [
    figure({
      name: `cold: ${SCORES} files written`,
      unit: "ms",
      ours: cold,
      baseline: { name: "bare durable writes", values: bare },
    }),
    figure({ name: "decoded, taken and looked at: all as declared", unit: "ms", ours: again }),
    figure({ name: "longest block of the event loop in it", unit: "ms", ours: blocks }),
  ];
}

async function timedAsync(work: () => Promise<void>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}
