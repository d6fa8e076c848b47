import { InvalidSpec } from "../../src/scores/score.ts";
import { type Case, flat } from "./case.ts";
import type { Refusal } from "./checker-gate.ts";
import type { Verdicts } from "./judge.ts";

/** Reasons whose message is one sentence at both gates. Of the others each tells what it knows. */
const SAME_WORDS = new Set(["MissingCapability", "PolicyDenied", "ThresholdNotMet"]);
/** What the checker calls by what is missing, and the agent by what comes of that. */
const SAME_REASON: Readonly<Record<string, string>> = { NoSealingKey: "SecretNotForThisDevice" };
/** An agent that does not know the class does not know what it lacks. */
const BEFORE_LACKS = new Set(["UnknownKind", "UnsupportedVersion"]);
/** As the agent clips a message. */
const CLIPPED = 1000;

/** Where the gates differ about a case, a sentence each; none where they agree. */
export function disagreements(of: Case, { compiler, checker, agent }: Verdicts): readonly string[] {
  if (checker instanceof InvalidSpec || flat(of.entries).some(([, { wrong }]) => wrong !== undefined)) {
    return aboutSpec(of, { compiler, checker, agent });
  }
  const found: string[] = [];
  const differ = (what: string, said: Readonly<Record<string, unknown>>): void => {
    const [first, ...rest] = Object.values(said).map((each) => JSON.stringify(each));
    if (rest.every((each) => each === first)) return;
    found.push(
      `${what}: ${Object.entries(said)
        .map(([who, each]) => `the ${who} says ${told(each)}`)
        .join(", ")}`,
    );
  };
  for (const [id, entry] of Object.entries(of.entries)) {
    const parts = flat({ [id]: entry });
    const { lacks = [], others = [] } = compiler.get(id) ?? {};
    const ofTopology = parts.flatMap(([part]) => checker.lacks.get(part) ?? []);
    differ(`what ${id} lacks`, { compiler: [...lacks, ...others], checker: [...new Set(ofTopology)].toSorted() });
    if (agent.whole !== null) continue;
    const judged = parts.filter(([part]) => !BEFORE_LACKS.has(agent.scores.get(part)?.reason ?? ""));
    const kinds = new Set(judged.map(([, { kind }]) => `${kind}Score`));
    const ofAgent = judged.flatMap(([part]) => {
      const said = agent.scores.get(part);
      return said?.reason === "MissingCapability" ? said.message.split(/; (?=\w+Score requires )/) : [];
    });
    const among = lacks.filter((sentence) => kinds.has(sentence.slice(0, sentence.indexOf(" "))));
    differ(`what ${id} lacks on the device`, { compiler: among, agent: [...new Set(ofAgent)].toSorted() });
  }
  differ("the whole", { checker: asAgent(checker.whole), agent: agent.whole && plain(agent.whole) });
  if (agent.whole !== null) return found;
  for (const [id] of flat(of.entries)) {
    const said = agent.scores.get(id);
    differ(id, { checker: asAgent(checker.scores.get(id) ?? null), agent: said === undefined ? null : plain(said) });
  }
  return found;
}

/** A spec that is wrong by its type: each gate refuses it, the agent unless it has refused it for something else before. */
function aboutSpec(of: Case, { compiler, checker, agent }: Verdicts): readonly string[] {
  return flat(of.entries).flatMap(([id, { wrong }]) => {
    const ofCompiler = (compiler.get(id)?.others ?? []).length > 0;
    const ofChecker = checker instanceof InvalidSpec;
    const reason = (agent.whole ?? agent.scores.get(id))?.reason ?? null;
    const says = `the compiler ${ofCompiler ? "refuses" : "takes"} it, the checker ${ofChecker ? "refuses" : "takes"} it, the agent ${reason === null ? "takes it" : `says ${reason}`}`;
    const isRefused = ofCompiler && ofChecker && reason !== null;
    return isRefused ? [] : [`the spec of ${id}, which has ${wrong ?? "nothing wrong"}: ${says}`];
  });
}

const plain = ({ reason, message }: Refusal): Refusal => ({
  reason,
  message: SAME_WORDS.has(reason) ? message : "",
});

const asAgent = (refusal: Refusal | null): Refusal | null =>
  refusal &&
  plain({
    reason: SAME_REASON[refusal.reason] ?? refusal.reason,
    message: refusal.message.length > CLIPPED ? `${refusal.message.slice(0, CLIPPED)}...` : refusal.message,
  });

const told = (said: unknown): string =>
  said === null || (Array.isArray(said) && said.length === 0) ? "nothing" : JSON.stringify(said);
