import * as z from "zod";
import { KINDS } from "../../scores/index.ts";
import type { Bundle } from "../../wire/bundle.ts";
import { AgentId } from "../../wire/keys.ts";
import { type Verified, verifyBundle } from "../../wire/verify-bundle.ts";
import { bundleIn } from "../bundle-file.ts";
import { type AddCommand, agentId, examples } from "../command.ts";
import { EXIT, type ExitCode } from "../exit-code.ts";
import { visible } from "../paint.ts";
import { kindsOrTell } from "../kinds-file.ts";
import { printJson, type Session } from "../session.ts";
import { readDevicePolicy, readTrust, trustOption } from "../trust-option.ts";

const Options = z.object({
  trust: z.array(z.string()).default([]),
  authors: z.string().optional(),
  policy: z.string().optional(),
  kinds: z.string().optional(),
  agent: AgentId.optional(),
});

export const addVerify: AddCommand = (program, run) => {
  program
    .command("verify")
    .summary("what a device would say to a signed bundle, with no server")
    .description(
      "Holds a bundle of harmony sign against the keys that a device trusts, and against its policy where that is given. " +
        "A status that harmony agent status wrote is held against the key of its device, which is trusted under the device's id.",
    )
    .argument("<FILE>", "a bundle, or a signed status")
    .addOption(trustOption())
    .option("--authors <FILE>", "trust the authors in this file, as harmony agent run --authors does")
    .option("--policy <FILE>", "the policy of the device")
    .option("--agent <ID>", "the agent whose it has to be", agentId)
    .option("--kinds <FILE>", "the agent knows the kinds which FILE lists, as harmony bundle made it")
    .addHelpText(
      "after",
      examples(
        "harmony verify bundle.json --authors authors.json --policy policy.json --agent pi-7",
        "harmony verify status.json --trust pi-7=pi-7.pub",
      ),
    )
    .action(
      run(async (session, args, given) => {
        const [file] = z.tuple([z.string()]).parse(args);
        const { trust, authors, policy: policyFile, agent = null, kinds: listed } = Options.parse(given);
        if (trust.length === 0 && authors === undefined) {
          session.complain(
            "nobody is trusted",
            "Name whom the device trusts: --authors FILE, or --trust KEYNAME=FILE.",
          );
          return EXIT.usage;
        }
        const trusted = await readTrust(session, { trust, authors });
        if (trusted === null) return EXIT.usage;
        const policy = policyFile === undefined ? undefined : await readDevicePolicy(session, policyFile);
        if (policy === null) return EXIT.usage;
        const kinds = listed === undefined ? KINDS : await kindsOrTell(session, listed);
        if (kinds === null) return EXIT.usage;
        const bundle = await bundleIn(session, file);
        if (bundle === null) session.complain(`${file} is no bundle`, "harmony sign makes one.");
        if (bundle === null || bundle === "Unreadable") return EXIT.usage;
        const against = { trust: trusted, agentId: agent, kinds, policy, now: new Date() };
        return tell(session, bundle, verifyBundle(bundle, against));
      }),
    );
};

function tell(session: Session, bundle: Bundle, { refusal, signedBy, refused }: Verified): ExitCode {
  const { json, say, complain, paintErr } = session;
  const isGood = refusal === null && Object.keys(refused).length === 0;
  const about =
    bundle._tag === "Manifest"
      ? {
          agentId: bundle.manifest.agentId,
          generation: bundle.manifest.generation,
          issuedAt: bundle.manifest.issuedAt,
          scores: Object.keys(bundle.manifest.scores),
        }
      : { agentId: bundle.report.agentId, at: bundle.report.at, status: bundle.report.status };
  if (json) printJson(session, { holds: bundle._tag, ...about, verified: isGood, signedBy, refusal, refused });
  if (refusal !== null) complain(`${refusal.reason}: ${refusal.message}`);
  for (const [id, { reason, message }] of Object.entries(refused)) complain(`${id}: ${reason}: ${message}`);
  if (isGood && !json) say(paintErr.green(visible(sentence(bundle, signedBy))));
  return isGood ? EXIT.done : EXIT.finding;
}

function sentence(bundle: Bundle, signedBy: readonly string[]): string {
  const by = `signed by ${signedBy.join(", ")}`;
  if (bundle._tag === "Manifest") {
    const { agentId: id, generation, issuedAt, scores } = bundle.manifest;
    return `generation ${generation} of ${id}, issued at ${issuedAt}, Scores ${Object.keys(scores).join(", ") || "none"}, ${by}`;
  }
  const { agentId: id, at, status } = bundle.report;
  const ready = status.conditions.find(({ type }) => type === "Ready");
  return `the status of ${id} at ${at}, generation ${status.generation}, ${ready?.reason ?? "no word on Ready"}, ${by}`;
}
