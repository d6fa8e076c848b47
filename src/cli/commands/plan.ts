import { Option } from "commander";
import * as z from "zod";
import { AgentId } from "../../wire/keys.ts";
import { type AddCommand, agentId, duration, examples, several } from "../command.ts";
import { EXIT } from "../exit-code.ts";
import { planForMany } from "../plan-many.ts";
import { planForOne } from "../plan-one.ts";
import { addSecretOptions, SecretFlags } from "../secret-options.ts";
import { count, GivenSelector, SELECTOR_HELP, selector } from "../selector-option.ts";
import { signOption } from "../sign-option.ts";

const Args = z.tuple([z.string()]);
const Options = z.object({
  agent: z.array(AgentId).default([]),
  selector: GivenSelector.optional(),
  timeout: z.number(),
  concurrency: z.number().optional(),
  sign: z.array(z.string()).default([]),
  ...SecretFlags.shape,
});

export const addPlan: AddCommand = (program, run) => {
  const command = program
    .command("plan")
    .summary("what would change on an agent, or on many, changing nothing")
    .description(
      "Asks the agent what it would do with the manifest in FILE. The agent looks at the device and changes nothing. Shows what " +
        "is declared otherwise than now, too. Of one that does not answer it shows what follows from what it told last, and ends with 4. " +
        "Several agents, or those that a selector means, are asked at the same time, and those whose plans are the same are told " +
        "together. It ends with 1 where any of them would fail or refuse something, else with 4 where any did not answer, else with 0.",
    )
    .argument(
      "<FILE>",
      "TypeScript or JavaScript whose default export was made by manifest() (for many also by fleet()), or a signed bundle",
    )
    .addOption(
      new Option("--agent <ID>", "the agent to ask; may be repeated").argParser((text, before: unknown) =>
        several(agentId(text), before),
      ),
    )
    .option("--selector <SELECTOR>", SELECTOR_HELP, selector)
    .option("--timeout <TIME>", "how long each agent may take to look: 500ms, 60s, 5m", duration, 30_000)
    .option("--concurrency <N>", "of many: how many are asked at once (default: 64)", count(1))
    .addOption(signOption());
  addSecretOptions(command)
    .addHelpText(
      "after",
      examples(
        "harmony plan kiosk.ts --agent pi-7",
        "harmony plan kiosk.ts --agent pi-7 --json",
        "harmony plan kiosk.ts --agent pi-7 --agent pi-8",
        "harmony plan kiosks.ts --selector site=paris,role=kiosk",
      ),
    )
    .action(
      run(async (session, args, options) => {
        const [file] = Args.parse(args);
        const { agent, selector: wanted, timeout, concurrency, sign, ...secrets } = Options.parse(options);
        const agents = [...new Set(agent)];
        const [first] = agents;
        if ((first === undefined) === (wanted === undefined)) {
          session.complain(
            "it is for agents or for a selector",
            "Give either --agent ID, once or more, or --selector SELECTOR.",
          );
          return EXIT.usage;
        }
        if (first !== undefined && agents.length === 1) {
          if (concurrency !== undefined) {
            session.complain("--concurrency goes with several agents");
            return EXIT.usage;
          }
          return planForOne(session, file, { agent: first, timeoutMs: timeout, sign, secrets });
        }
        if (secrets.pin) {
          session.complain("--pin is for one device: name it by --agent alone");
          return EXIT.usage;
        }
        const whom = wanted ?? agents;
        return planForMany(session, file, { whom, timeoutMs: timeout, concurrency, sign, secrets });
      }),
    );
};
