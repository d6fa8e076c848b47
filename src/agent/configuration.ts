import * as z from "zod";

/** A flag's value: a word, several, or that the flag stands there. */
const Configuration = z.record(z.string(), z.union([z.string(), z.array(z.string()), z.boolean()]), {
  error: "must be an object whose keys are flags of harmony agent run without their dashes",
});

export type ReadConfiguration =
  | { readonly _tag: "Words"; readonly words: readonly string[] }
  | { readonly _tag: "Wrong"; readonly message: string };

/**
 * The flags of `harmony agent run` as a configuration file has them: `{"server": "tls://...", "path": ["/etc", "/srv"]}`.
 * Gives them as words of the command line, so that a file can say just what a command line can; what a flag may be is
 * looked at there. `true` is a flag that stands alone, `false` one that does not stand there.
 */
export function readConfiguration(file: string, text: string): ReadConfiguration {
  const wrong = (why: string): ReadConfiguration => ({ _tag: "Wrong", message: `${file}: ${why}` });
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    return wrong(`is no JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  const read = Configuration.safeParse(json);
  if (!read.success) {
    const [issue] = read.error.issues;
    const at = issue?.path.join(".") ?? "";
    return wrong(at === "" ? (issue?.message ?? "wrong") : `"${at}" must be a text, a list of texts, or true or false`);
  }
  if (Object.hasOwn(read.data, "config")) return wrong('"config" names no other file');
  return {
    _tag: "Words",
    words: Object.entries(read.data).flatMap(([flag, value]) =>
      typeof value === "boolean" ? (value ? [`--${flag}`] : []) : [value].flat().map((each) => `--${flag}=${each}`),
    ),
  };
}

/** The file that `--config` names among these words, if any; the last one holds, as of every flag. */
export function configurationFile(argv: readonly string[]): string | null {
  const at = argv.findLastIndex((word) => word === "--config" || word.startsWith("--config="));
  if (at === -1) return null;
  const word = argv[at] ?? "";
  return word === "--config" ? (argv[at + 1] ?? "") : word.slice("--config=".length);
}
