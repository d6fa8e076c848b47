import { resolve } from "node:path";
import * as z from "zod";
import type { Reach, Selector } from "../../fleet/index.ts";
import { AgentId } from "../../wire/keys.ts";
import { type AddCommand, agentId, duration, examples } from "../command.ts";
import { EXIT, type ExitCode } from "../exit-code.ts";
import { fitsOrTell, loadOrTell } from "../manifest-file.ts";
import { progressLine } from "../apply-progress.ts";
import { reportApply } from "../apply-report.ts";
import { bundleIn } from "../bundle-file.ts";
import { applyToMany, typesAreRight } from "../rolling-out.ts";
import { count, selector, SELECTOR_HELP, waves } from "../selector-option.ts";
import { withFleet } from "../server.ts";
import type { Session } from "../session.ts";
import { ANY, confirmed } from "../confirm-plan.ts";
import { messageOption } from "../message-option.ts";
import { addSecretOptions, gatherSecrets, SecretFlags, wipe } from "../secret-options.ts";
import { readSigners, signOption } from "../sign-option.ts";
import { uploadOrTell } from "../uploading.ts";

const Args = z.tuple([z.string()]);
const Options = z.object({
  agent: AgentId.optional(),
  selector: z.custom<Selector>().optional(),
  wave: z.custom<readonly Reach[]>().optional(),
  concurrency: z.number().optional(),
  maxFailures: z.number().optional(),
  soak: z.number().optional(),
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
    .summary("ships a manifest to an agent, or to many, and waits until it is so")
    .description(
      "Ships the manifest in FILE to one agent under a new generation, and waits until every Score is Ready, Failed or Refused. " +
        "A bundle of harmony sign is shipped as it is. With --selector it goes to many, wave by wave: each wave begins when all of " +
        "the one before are Ready, and the roll-out stops by itself when too many fail. How it stands is kept on the server, so " +
        "that it can be gone on with: see harmony rollout --help.",
    )
    .argument(
      "<FILE>",
      "TypeScript or JavaScript whose default export was made by manifest() or fleet(), or a signed bundle",
    )
    .option("--agent <ID>", "the agent that is to be so", agentId)
    .option("--selector <SELECTOR>", SELECTOR_HELP, selector)
    .option("--wave <WAVES>", "with --selector: how far each wave goes, 1,10%,100% (default: 100%)", waves)
    .option("--concurrency <N>", "with --selector: how many at once (default: 16)", count(1))
    .option("--max-failures <N>", "with --selector: stop when more have failed (default: 0)", count(0))
    .option("--soak <TIME>", "with --selector: how long a wave has to stay Ready (default: not at all)", duration)
    .option("--timeout <TIME>", "how long to wait, for each device: 500ms, 60s, 5m", duration, 60_000)
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
        "harmony apply kiosks.ts --selector site=paris,role=kiosk --wave 1,10%,100% --soak 5m --max-failures 2",
        "harmony apply kiosks.ts --selector site=paris --plan",
        "harmony apply wifi.ts --selector site=paris --secret wifi-psk=psk.txt",
      ),
    )
    .action(
      run(async (session, args, options) => {
        const [file] = Args.parse(args);
        const given = Options.parse(options);
        const { agent, timeout, wait, check, retryFailed, message, plan, yes, sign, ...flags } = given;
        const { io } = session;
        const many = forMany(given);
        if (given.selector !== undefined && agent === undefined) {
          if (!wait || retryFailed || flags.pin) {
            session.complain("--no-wait, --retry-failed and --pin are for one device: name it by --agent");
            return EXIT.usage;
          }
          if (plan && !yes && io.ask === null) return tellNoTerminal(session);
          return applyToMany(session, file, {
            ...many,
            selector: given.selector,
            timeoutMs: timeout,
            message,
            sign,
            check,
            secrets: flags,
            plan,
            yes,
          });
        }
        if (agent === undefined || given.selector !== undefined) {
          session.complain("it is for one agent or for many", "Give either --agent ID or --selector SELECTOR.");
          return EXIT.usage;
        }
        if (Object.values(many).some((each) => each !== undefined)) {
          session.complain("--wave, --concurrency, --max-failures and --soak go with --selector");
          return EXIT.usage;
        }
        if (plan && !yes && io.ask === null) return tellNoTerminal(session);
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
            const looked = plan
              ? await confirmed(session, fleet, agent, bundle.manifest, yes, () =>
                  fleet.planBundle(bundle, agent, { signal: io.signal }),
                )
              : ANY;
            if (typeof looked === "number") return looked;
            const progress = progressLine(session, agent);
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
        if (check && !(await typesAreRight(session, file))) return EXIT.finding;
        if (!fits) return EXIT.finding;
        const secrets = await gatherSecrets(session, flags, manifest);
        if (secrets === null) return EXIT.usage;
        return withFleet(session, async (fleet) => {
          const trustedKeys = await secrets.keysFor(fleet, agent);
          if (trustedKeys === null) return EXIT.finding;
          const values = { values: secrets.given, trustedKeys };
          const looked = plan
            ? await confirmed(session, fleet, agent, manifest, yes, () =>
                fleet.plan(manifest, agent, { signal: io.signal, signers, secrets: values }),
              )
            : ANY;
          if (typeof looked === "number") {
            wipe(secrets.given);
            return looked;
          }
          const failed = await uploadOrTell(session, fleet, assets, { signal: io.signal });
          if (failed !== null) return failed;
          const progress = progressLine(session, agent);
          const applying = fleet.apply(manifest, agent, {
            ...looked,
            signal: io.signal,
            timeoutMs: timeout,
            wait,
            signers,
            retryFailed,
            message,
            secrets: values,
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

function tellNoTerminal(session: Session): ExitCode {
  session.complain("--plan asks before it ships", "There is no terminal to ask at: say --yes.");
  return EXIT.usage;
}

const forMany = ({ wave, concurrency, maxFailures, soak }: z.infer<typeof Options>) => ({
  wave,
  concurrency,
  maxFailures,
  soak,
});

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
