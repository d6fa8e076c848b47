import { KINDS } from "../../src/scores/index.ts";
import { type AnyScoreClass, InvalidSpec } from "../../src/scores/score.ts";
import { isManifest, type Manifest } from "../../src/topology/manifest.ts";
import { encodeScores } from "../../src/wire/encode.ts";
import type { WireScore } from "../../src/wire/envelope.ts";
import { sealFor } from "../../src/wire/secrets/sealed.ts";
import { encodeSpec } from "../../src/wire/spec-codec.ts";
import { AGENT, AgentAsked, deviceKeys, type Judged } from "./agent-gate.ts";
import { type Case, flat, specOf } from "./case.ts";
import { type Checked, checkCase } from "./checker-gate.ts";
import type { Batch, Compiled } from "./compiler-gate.ts";

/** What each of the three gates says of one case. */
export interface Verdicts {
  readonly compiler: ReadonlyMap<string, Compiled>;
  /** `InvalidSpec`: the manifest cannot even be made, which is what `harmony check` tells then. */
  readonly checker: Checked | InvalidSpec;
  readonly agent: Judged;
}

export async function judge(of: Case, batch: Batch, at: number): Promise<Verdicts> {
  const module = batch.modules[at];
  const own = classesIn(module?.own);
  const made = make(module?.make);
  const agent = await AgentAsked.start(of, own);
  try {
    const document = await agent.document();
    const wire = made instanceof InvalidSpec ? sentAnyway(of, own) : sent(made);
    return {
      compiler: batch.compiled[at] ?? new Map(),
      checker: made instanceof InvalidSpec ? made : checkCase(made, document),
      agent: await agent.judge(wire),
    };
  } finally {
    await agent.stop();
  }
}

function make(from: unknown): Manifest | InvalidSpec {
  if (typeof from !== "function") throw new Error("a case has no function");
  try {
    const made: unknown = Reflect.apply(from, undefined, []);
    if (!isManifest(made)) throw new Error("a case made no manifest");
    return made;
  } catch (error) {
    if (error instanceof InvalidSpec) return error;
    throw error;
  }
}

const isClass = (value: unknown): value is AnyScoreClass =>
  typeof value === "function" && "kind" in value && "requires" in value && "parse" in value;
const classesIn = (value: unknown): readonly AnyScoreClass[] => (Array.isArray(value) ? value.filter(isClass) : []);

/** Past the encoder, which is the second gate once more and would not let it through. */
function sent(manifest: Manifest): Readonly<Record<string, WireScore>> {
  const names = new Set(Object.values(manifest.scores).flatMap((score) => score.bind().secrets));
  const seal = (name: string) => sealFor(Buffer.from("x"), [deviceKeys.published], { agentId: AGENT, name });
  return encodeScores(manifest, new Map([...names].map((name) => [name, seal(name)])));
}

/** What a sender that asks no class would make of it. */
const sentAnyway = ({ entries }: Case, own: readonly AnyScoreClass[]): Readonly<Record<string, WireScore>> =>
  Object.fromEntries(
    flat(entries).map(([id, entry]) => {
      const Class = [...KINDS, ...own].find(({ kind }) => kind === entry.kind);
      if (Class === undefined) throw new Error(`there is no kind ${entry.kind}`);
      const { kind, version, requires } = Class;
      const about = { kind, version, requires: requires.map(({ name }) => name), after: [], restartOn: [] };
      return [id, { ...about, spec: encodeSpec(specOf(entry)) }];
    }),
  );
