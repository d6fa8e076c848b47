import * as z from "zod";
import { safeParse } from "./safe-parse.ts";

/** As a ShellJob says it: the variables whose values are never shown. */
const Hiding = z.looseObject({
  spec: z.looseObject({
    json: z.looseObject({ environment: z.record(z.string(), z.string()), redact: z.array(z.string()) }),
  }),
});

/** The values that a Score on the wire asks not to be shown, whatever they stand in. */
export function hiddenIn(score: unknown): readonly string[] {
  // Most Scores have nothing of the kind, and to say why not takes long: a plan asks thousands.
  if (!hasList(score)) return [];
  const read = safeParse(Hiding, score);
  if (!read.success) return [];
  const { environment, redact: names } = read.data.spec.json;
  return names.flatMap((name) => environment[name] ?? []).filter((value) => value !== "");
}

const hasList = (score: unknown): boolean =>
  typeof score === "object" &&
  score !== null &&
  "spec" in score &&
  typeof score.spec === "object" &&
  score.spec !== null &&
  "json" in score.spec &&
  typeof score.spec.json === "object" &&
  score.spec.json !== null &&
  "redact" in score.spec.json;
