import { resolve } from "node:path";
import * as z from "zod";
import { AgentId } from "../../wire/keys.ts";
import { type AddCommand, agentId, duration, examples } from "../command.ts";
import { EXIT } from "../exit-code.ts";
import { problemLine } from "../problem.ts";
import { fitsOrTell, loadOrTell } from "../manifest-file.ts";
import { progressLine } from "../apply-progress.ts";
import { reportApply } from "../apply-report.ts";
import { bundleIn } from "../bundle-file.ts";
import { withFleet } from "../server.ts";
import { ANY, confirmed } from "../confirm-plan.ts";
import { messageOption } from "../message-option.ts";
import { addSecretOptions, gatherSecrets, SecretFlags, wipe } from "../secret-options.ts";
import { readSigners, signOption } from "../sign-option.ts";
import { uploadOrTell } from "../uploading.ts";
import { typeCheck } from "../type-check.ts";

const Args = z.tuple([z.string()]);
const Options = z.object({
  agent: AgentId,
  timeout: z.number(),
  wait: z.boolean(),
  check: z.boolean().default(false),
  retryFailed: z.boolean().default(false),
  message: z.string().optional(),
  plan: z.boolean().default(false),
  yes: z.boolean().default(false),
  sign: z.array(z.string()).default([]),
  ...SecretFlags.shape,
});

export const addApply: AddCommand = (program, run) => {
  const command = program
    .command("apply")
    .summary("ships a manifest to an agent and waits until it is so")
    .description(
      "Ships the manifest in FILE to one agent under a new generation, and waits until every Score is Ready, Failed or Refused. " +
        "A bundle of harmony sign is shipped as it is.",
    )
    .argument("<FILE>", "TypeScript or JavaScript whose default export was made by manifest(), or a signed bundle")
    .requiredOption("--agent <ID>", "the agent that is to be so", agentId)
    .option("--timeout <TIME>", "how long to wait: 500ms, 60s, 5m", duration, 60_000)
    .option("--no-wait", "end once it is stored for the agent")
    .option("--retry-failed", "try again what failed for good, although its content is the same")
    .addOption(messageOption())
    .option("--plan", "show what would change, ask, and ship only while it is still so")
    .option("--yes", "with --plan: do not ask")
    .option("--check", "type-check FILE first")
    .addOption(signOption());
  addSecretOptions(command)
    .addHelpText(
      "after",
      examples(
        "harmony apply kiosk.ts --agent pi-7",
        "harmony apply kiosk.ts --agent pi-7 --plan --message 'the new menu'",
        "harmony apply kiosk.ts --agent pi-7 --timeout 5m --json",
        "harmony apply kiosk.ts --agent pi-7 --sign ops=ops.pem",
        "harmony apply wifi.ts --agent pi-7 --secret wifi-psk=psk.txt",
        "pass show wifi | harmony apply wifi.ts --agent pi-7 --secret wifi-psk=-",
        "harmony apply bundle.json --agent pi-7",
      ),
    )
    .action(
      run(async (session, args, options) => {
        const [file] = Args.parse(args);
        const { agent, timeout, wait, check, retryFailed, message, plan, yes, sign, ...flags } = Options.parse(options);
        const { io } = session;
        if (plan && !yes && io.ask === null) {
          session.complain("--plan asks before it ships", "There is no terminal to ask at: say --yes.");
          return EXIT.usage;
        }
        const bundle = await bundleIn(session, file);
        if (bundle === "Unreadable") return EXIT.usage;
        if (bundle !== null) {
          const unfit =
            bundle._tag === "Status"
              ? "it holds a status, and no manifest"
              : wrongFlag({ sign, check, retryFailed, message });
          if (unfit !== null) session.complain(`${file} is a signed bundle: ${unfit}`);
          if (bundle._tag === "Status" || unfit !== null) return EXIT.usage;
          return withFleet(session, async (fleet) => {
            const progress = progressLine(session, agent);
            const looked = plan
              ? await confirmed(session, fleet, agent, bundle.manifest, yes, () =>
                  fleet.planBundle(bundle, agent, { signal: io.signal }),
                )
              : ANY;
            if (typeof looked === "number") return looked;
            const how = { signal: io.signal, timeoutMs: timeout, wait, ...looked, onProgress: progress.tell };
            const result = await fleet.applyBundle(bundle, agent, how).finally(progress.end);
            return reportApply(session, result, agent);
          });
        }
        const signers = await readSigners(session, sign);
        if (signers === null) return EXIT.usage;
        const loaded = await loadOrTell(session, file);
        if (loaded._tag === "CannotLoad") return EXIT.usage;
        const { manifest, assets } = loaded;
        const fits = fitsOrTell(session, resolve(io.cwd, file), manifest, [
          { _tag: "Topology", topology: manifest.topology },
        ]);
        if (check) {
          const types = await typeCheck(resolve(io.cwd, file), io.signal);
          if (types._tag === "NoCompiler") {
            session.complain("--check: no TypeScript compiler was found here", "npm install --save-dev typescript");
          }
          const problems = types._tag === "Checked" ? types.problems : [];
          for (const problem of problems) session.complain(problemLine(problem, io.cwd));
          if (problems.length > 0 || types._tag === "NoCompiler") return EXIT.finding;
        }
        if (!fits) return EXIT.finding;
        const secrets = await gatherSecrets(session, flags, manifest);
        if (secrets === null) return EXIT.usage;
        return withFleet(session, async (fleet) => {
          const trustedKeys = await secrets.keysFor(fleet, agent);
          if (trustedKeys === null) return EXIT.finding;
          const failed = await uploadOrTell(session, fleet, assets, { signal: io.signal });
          if (failed !== null) return failed;
          const given = { values: secrets.given, trustedKeys };
          const looked = plan
            ? await confirmed(session, fleet, agent, manifest, yes, () =>
                fleet.plan(manifest, agent, { signal: io.signal, signers, secrets: given }),
              )
            : ANY;
          if (typeof looked === "number") {
            wipe(secrets.given);
            return looked;
          }
          const progress = progressLine(session, agent);
          const applying = fleet.apply(manifest, agent, {
            ...looked,
            signal: io.signal,
            timeoutMs: timeout,
            wait,
            signers,
            retryFailed,
            message,
            secrets: given,
            onProgress: progress.tell,
          });
          const result = await applying.finally(() => {
            wipe(secrets.given);
            progress.end();
          });
          return reportApply(session, result, agent);
        });
      }),
    );
};

/** What can only be said of a manifest that is yet to be signed. */
function wrongFlag({
  sign,
  check,
  retryFailed,
  message,
}: Pick<z.infer<typeof Options>, "sign" | "check" | "retryFailed" | "message">): string | null {
  if (sign.length > 0) return "harmony sign adds a signature to it";
  if (check) return "--check is for a FILE with a manifest";
  if (message !== undefined) return "--message has to be signed with it (harmony sign --message)";
  return retryFailed ? "--retry-failed has to be signed with it (harmony sign --retry-failed)" : null;
}
