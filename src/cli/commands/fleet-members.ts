import { resolve } from "node:path";
import * as z from "zod";
import { type Enrolment, readEnrolmentCode } from "../../wire/enrolment.ts";
import { AgentId } from "../../wire/keys.ts";
import { type AddCommand, agentId, examples } from "../command.ts";
import { EXIT, type ExitCode } from "../exit-code.ts";
import type { FleetDescription } from "../fleet-setup/description.ts";
import { directoryOption } from "../fleet-setup/directory-option.ts";
import { keyLifeOption } from "../fleet-setup/key-life-option.ts";
import { FleetDirectory, type Unusable, unusable } from "../fleet-setup/fleet-directory.ts";
import { accept, type Membership, revoke } from "../fleet-setup/membership.ts";
import { reload } from "../fleet-setup/reload.ts";
import { printJson, type Session } from "../session.ts";

const Options = z.object({
  dir: z.string(),
  replace: z.boolean().default(false),
  pair: AgentId.optional(),
  keyLife: z.number().optional(),
  expiry: z.boolean().default(true),
});

export const addFleetAccept: AddCommand = (program, run) => {
  program
    .command("accept")
    .summary("lets a device in, by the code that it shows")
    .description(
      "Lets a device in, by the code that harmony agent enroll printed there. A running server knows at once.",
    )
    .argument("<CODE>", "what harmony agent enroll printed")
    .addOption(directoryOption())
    .option("--replace", "also where the id has another key, which is thrown out")
    .option("--pair <ID>", "the pair that it is a member of (harmony agent run --failover)", agentId)
    .addOption(keyLifeOption())
    .option("--no-expiry", "its key has no end")
    .addHelpText("after", examples("harmony fleet accept CODE", "harmony fleet accept CODE --replace --json"))
    .action(
      run(async (session, args, given) => {
        const [code] = z.tuple([z.string()]).parse(args);
        const { dir, replace, pair, keyLife, expiry } = Options.parse(given);
        const lifeSeconds = expiry ? keyLife : null;
        const enrolment = readEnrolmentCode(code);
        if (enrolment === null) {
          session.complain(
            "this is no code of a device, or a part of it is missing",
            "Copy the whole line that harmony agent enroll printed.",
          );
          return EXIT.usage;
        }
        const done = (told: string): string => `${enrolment.id} is let in${told}.`;
        return change(session, dir, enrolment.id, done, (fleet) =>
          accept(fleet, enrolment, { replace, pair, lifeSeconds, now: new Date() }),
        );
      }),
    );
};

export const addFleetRevoke: AddCommand = (program, run) => {
  program
    .command("revoke")
    .summary("throws a device out, at once")
    .description(
      "Throws a device out: its key is worth nothing from now on, and its connection ends. Others notice nothing. " +
        "What it made on the device stays there.",
    )
    .argument("<ID>", "the agent", agentId)
    .addOption(directoryOption())
    .addHelpText("after", examples("harmony fleet revoke pi-7", "harmony fleet revoke pi-7 --dir /srv/fleet --json"))
    .action(
      run(async (session, args, given) => {
        const [id] = z.tuple([AgentId]).parse(args);
        const { dir } = Options.parse(given);
        const done = (told: string): string => `${id} is thrown out${told}.`;
        return change(session, dir, id, done, (fleet) => {
          const revoked = revoke(fleet, id);
          if (revoked._tag !== "Unchanged") return revoked;
          return unusable(`no device of the fleet is ${id}`, "harmony status names those that have ever spoken.");
        });
      }),
    );
};

/** Changes the fleet and has its server know; says success only where the server works with it. */
async function change(
  session: Session,
  dir: string,
  id: Enrolment["id"],
  done: (told: string) => string,
  work: (fleet: FleetDescription) => Membership,
): Promise<ExitCode> {
  const { io, say, complain } = session;
  const directory = new FleetDirectory(resolve(io.cwd, dir));
  const refuse = ({ message, next }: Unusable): ExitCode => {
    complain(message, next);
    return EXIT.finding;
  };
  const before = await directory.read();
  if ("_tag" in before) return refuse(before);
  const ended = await directory.alone(async () => {
    // Read anew: another command may have changed it before this one was alone.
    const fleet = await directory.read();
    if ("_tag" in fleet) return fleet;
    const changed = work(fleet);
    if (changed._tag === "Unusable") return changed;
    const [now, out] = changed._tag === "Changed" ? [changed.fleet, changed.out] : [fleet, []];
    await directory.write(now);
    return { fleet: now, server: await reload(directory, now, io.signal, out) };
  });
  if ("_tag" in ended) return refuse(ended);
  const { server } = ended;
  const { key = null, notAfter = null } = ended.fleet.agents[id] ?? {};
  if (session.json) printJson(session, { agentId: id, key, notAfter, server: server._tag });
  switch (server._tag) {
    case "Reloaded":
      say(done(""));
      return EXIT.done;
    case "NotRunning":
      say(done(" once the server has the new configuration"));
      say(
        "No server runs with it here. harmony fleet serve starts one; harmony fleet serve --print shows it for your own.",
      );
      return EXIT.done;
    case "Failed":
      complain(
        `it is written, but ${server.message}`,
        "Look at the server's log; a SIGHUP has it read its configuration again.",
      );
      return EXIT.unreachable;
  }
}
