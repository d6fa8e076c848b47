import { Option } from "commander";
import { resolve } from "node:path";
import * as z from "zod";
import {
  type CheckedFile,
  check,
  checkFleet,
  type Finding,
  FORMATS,
  format,
  hasErrors,
  missingSecrets,
  type Rule,
  type Target,
  targetName,
} from "../../check/index.ts";
import type { Manifest } from "../../topology/manifest.ts";
import { VERSION } from "../../wire/version.ts";
import { type AddCommand, examples, several } from "../command.ts";
import { EXIT } from "../exit-code.ts";
import { loadAny } from "../load-manifest.ts";
import { visible } from "../paint.ts";
import { displayPath, type Problem } from "../problem.ts";
import type { Session } from "../session.ts";
import { secretsOf } from "../../fleet/secrets.ts";
import { addSecretSources, readSecrets, SecretFlags, wipe } from "../secret-options.ts";
import { type NamedTargets, namedTargets } from "../check-targets.ts";
import { GivenSelector, selectorOption } from "../selector-option.ts";
import { typeCheck } from "../type-check.ts";

const Args = z.tuple([z.array(z.string())]);
const Options = z.object({
  topology: z.string().optional(),
  capabilities: z.array(z.string()).default([]),
  fleet: z.boolean().default(false),
  selector: GivenSelector.optional(),
  format: z.enum(FORMATS).optional(),
  ...SecretFlags.pick({ secret: true, secrets: true }).shape,
});

/** With one of these there is no manifest. */
const NOT_LOADED: ReadonlySet<Rule> = new Set<Rule>(["CannotLoad", "InvalidSpec", "AssetUnreadable"]);

export const addCheck: AddCommand = (program, run) => {
  const command = program
    .command("check")
    .summary("the CI gate: tells what a target lacks for a manifest")
    .description(
      "Type-checks each FILE, and holds its manifest against a topology, against agents' capability documents, and with --fleet " +
        "against what the agents of a fleet have published. All findings are told at once. Needs no server but with --fleet.",
    )
    .argument("<FILE...>", "TypeScript or JavaScript whose default export was made by manifest() or fleet()")
    .option("--topology <NAME>", "the topology to hold it against (default: the manifest's own)")
    .option(
      "--capabilities <FILE.json>",
      "an agent's capabilities document to hold it against, or what harmony fleet capabilities --save wrote; may be repeated",
      several,
    )
    .option("--fleet", "hold it against what every agent of the server has published")
    .addOption(selectorOption("of all these devices, those with these labels alone; by itself, of the fleet"));
  addSecretSources(command)
    .addOption(
      new Option(
        "--format <FORMAT>",
        "how to write the report (default: text on standard error, json with --json)",
      ).choices(FORMATS),
    )
    .addHelpText(
      "after",
      examples(
        "harmony check kiosk.ts",
        "harmony check manifests/*.ts --format sarif > harmony.sarif",
        "harmony check kiosk.ts --capabilities pi-7.json --capabilities pi-8.json",
        "harmony check kiosk.ts --capabilities fleet.json --selector role=kiosk",
        "harmony check kiosk.ts --fleet --selector site=paris",
        "harmony check kiosk.ts --secrets ./secrets",
      ),
    )
    .action(
      run(async (session, args, options) => {
        const [files] = Args.parse(args);
        const { topology, capabilities, fleet, selector, format: wanted, ...flags } = Options.parse(options);
        const targets = await namedTargets(session, { topology, capabilities, fleet, selector });
        if (typeof targets === "number") return targets;
        const checked: CheckedFile[] = [];
        const [first = ""] = files;
        const findings: Finding[] = targets.objections.map((objection) => ({ ...objection, file: first }));
        for (const file of files) {
          const done = await checkFile(session, file, targets, flags);
          checked.push(done.file);
          findings.push(...done.findings);
        }
        const report = { at: new Date().toISOString(), files: checked, findings };
        const as = wanted ?? (session.json ? "json" : "text");
        const text = format(report, as, VERSION);
        if (as === "text") session.io.err(visible(text));
        else session.io.out(text);
        for (const { rule, file, sentence } of as === "text" ? [] : findings) {
          if (rule === "NotTypeChecked") session.say(`warning: ${file}: ${sentence}`);
        }
        if (findings.some(({ rule }) => NOT_LOADED.has(rule))) return EXIT.usage;
        return hasErrors(report) ? EXIT.finding : EXIT.done;
      }),
    );
};

/** Both gates, whatever the first one says: types are stripped, so a FILE with a type error can still be loaded. */
async function checkFile(
  { io, say }: Session,
  file: string,
  named: NamedTargets,
  flags: Pick<SecretFlags, "secret" | "secrets">,
): Promise<{ readonly file: CheckedFile; readonly findings: readonly Finding[] }> {
  const shown = displayPath(resolve(io.cwd, file), io.cwd);
  const about = { scoreId: null, kind: null, capability: null, target: null } as const;
  const place = (problem: Problem) => ({
    file: displayPath(problem.file, io.cwd),
    ...(problem.line === undefined ? {} : { line: problem.line }),
    ...(problem.column === undefined ? {} : { column: problem.column }),
  });
  const loaded = await loadAny(file, { cwd: io.cwd, print: io.err });
  const findings: Finding[] = [];
  // What the bundler cannot read, the compiler cannot either; it would say the same again in other words.
  if (loaded._tag !== "CannotLoad" || loaded.ran) {
    const types = await typeCheck(resolve(io.cwd, file), io.signal);
    if (types._tag === "NotAsked") {
      say(`note: ${shown} is JavaScript, which is type-checked only with // @ts-check at its top`);
    } else if (types._tag === "NoCompiler") {
      const sentence =
        "no TypeScript compiler was found here, so this file was not type-checked: npm install --save-dev typescript";
      findings.push({ ...about, rule: "NotTypeChecked", severity: "warning", file: shown, sentence });
    } else {
      findings.push(
        ...types.problems.map((problem): Finding => ({
          ...about,
          rule: "TypeError",
          severity: "error",
          ...place(problem),
          sentence: problem.message,
        })),
      );
    }
  }
  if (loaded._tag === "CannotLoad") {
    findings.push(
      ...loaded.problems.map((problem): Finding => ({
        ...about,
        scoreId: problem.scoreId ?? null,
        rule: problem.rule ?? "CannotLoad",
        severity: "error",
        ...place(problem),
        sentence: problem.message,
      })),
    );
    return { file: { file: shown, scores: [], targets: [] }, findings };
  }
  if (loaded._tag === "LoadedFleet") {
    const checked = checkFleet(shown, loaded.fleet, named);
    return { file: checked.file, findings: [...findings, ...checked.findings] };
  }
  const { manifest } = loaded;
  const targets: readonly Target[] = [
    { _tag: "Topology", topology: named.topology ?? manifest.topology },
    ...named.agents,
  ];
  const found = [...check(shown, manifest, targets), ...(await unresolved(io, shown, manifest, flags))];
  findings.push(
    ...found.map((finding) => {
      const score = finding.scoreId === null ? undefined : manifest.scores[finding.scoreId];
      const at = score === undefined ? null : loaded.placeOf(score);
      return at === null ? finding : { ...finding, ...place({ ...at, message: "" }) };
    }),
  );
  const scores = Object.entries(manifest.scores).map(([id, { kind }]) => ({ id, kind }));
  return { file: { file: shown, scores, targets: targets.map(targetName) }, findings };
}

/** Where secrets are given, all have to be; where none are, they may be carried over when it is shipped. */
async function unresolved(
  io: Session["io"],
  file: string,
  manifest: Manifest,
  flags: Pick<SecretFlags, "secret" | "secrets">,
): Promise<readonly Finding[]> {
  if (flags.secret.length === 0 && flags.secrets === undefined) return [];
  const given = await readSecrets(io, flags, secretsOf(manifest));
  if ("problem" in given) {
    const about = { scoreId: null, kind: null, capability: null, target: null } as const;
    return [{ ...about, rule: "SecretMissing", severity: "error", file, sentence: given.problem }];
  }
  wipe(given);
  return missingSecrets(manifest, new Set(given.keys())).map((objection) => ({ ...objection, file }));
}
