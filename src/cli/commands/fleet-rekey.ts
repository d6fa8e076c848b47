import { readFile, rename } from "node:fs/promises";
import { resolve } from "node:path";
import { Argument } from "commander";
import * as z from "zod";
import { credentialsFile, readCredentials } from "../../wire/nats/credentials.ts";
import { type Guest, GUESTS } from "../../wire/nats/grants.ts";
import { makeUserKey, type UserKey } from "../../wire/nats/nkey.ts";
import { type AddCommand, examples } from "../command.ts";
import { EXIT } from "../exit-code.ts";
import type { FleetDescription } from "../fleet-setup/description.ts";
import { directoryOption } from "../fleet-setup/directory-option.ts";
import { FleetDirectory } from "../fleet-setup/fleet-directory.ts";
import { keyLifeOption } from "../fleet-setup/key-life-option.ts";
import { PEOPLE_LIFE_SECONDS, endOf, parseLife, termFrom } from "../fleet-setup/key-life.ts";
import type { User } from "../fleet-setup/membership.ts";
import { reload } from "../fleet-setup/reload.ts";
import { ACCOUNTS } from "../fleet-setup/server-config.ts";
import { displayPath } from "../problem.ts";
import { printJson } from "../session.ts";
import { writeWhole } from "../write-whole.ts";

const Options = z.object({
  dir: z.string(),
  keyLife: z.number(),
  expiry: z.boolean(),
  overlap: z.string().transform((text, { addIssue }) => {
    const seconds = text === "0" ? 0 : parseLife(text);
    if (seconds === null) addIssue("--overlap is 0, or a number and d, h, m or s");
    return seconds ?? 0;
  }),
});

export const addFleetRekey: AddCommand = (program, run) => {
  program
    .command("rekey")
    .summary("makes a new key for a role, and lets the former one end")
    .description(
      "Makes a new credentials file for a role. The former one is let in for the time of --overlap, in which the new file " +
        "has to reach everybody who works with it.",
    )
    .addArgument(new Argument("<ROLE>", "whose key").choices(GUESTS))
    .addOption(directoryOption())
    .addOption(keyLifeOption().default(PEOPLE_LIFE_SECONDS, "365d"))
    .option("--no-expiry", "the new key has no end")
    .option("--overlap <TIME>", "how long the former key is let in still; 0: it ends at once", "7d")
    .addHelpText(
      "after",
      examples("harmony fleet rekey viewer", "harmony fleet rekey author --overlap 0   # somebody has lost it"),
    )
    .action(
      run(async (session, args, given) => {
        const [role] = z.tuple([z.enum(GUESTS)]).parse(args);
        const read = Options.safeParse(given);
        const { io, say, complain } = session;
        if (!read.success) {
          complain(read.error.issues.map(({ message }) => message).join("; "));
          return EXIT.usage;
        }
        const { dir, keyLife, expiry, overlap } = read.data;
        const directory = new FleetDirectory(resolve(io.cwd, dir));
        const file = directory.at("keys", `${role}.creds`);
        const done = await directory.alone(async () => {
          const fleet = await directory.read();
          if ("_tag" in fleet) return fleet;
          const next = `${file}.next`;
          // One that was cut short is brought to its end: its key is let in already, and nobody has it yet.
          const begun = await readFile(next, "utf8").catch(() => "");
          if (begun !== "" && readCredentials(begun).pair?.publicKey === fleet.keys[role]) {
            await rename(next, file);
            return { now: fleet, server: await reload(directory, fleet, io.signal) };
          }
          const { authorities } = readCredentials(await readFile(directory.at("keys", "operator.creds"), "utf8"));
          const { publicKey, seed } = makeUserKey();
          const { fleet: now, out } = rekeyed(fleet, role, publicKey, expiry ? keyLife : undefined, overlap);
          await writeWhole(next, credentialsFile(seed, authorities));
          await directory.write(now);
          await rename(next, file);
          return { now, server: await reload(directory, now, io.signal, out) };
        });
        if ("_tag" in done) {
          complain(done.message, done.next);
          return EXIT.finding;
        }
        const { notAfter = null } = done.now.people?.[role] ?? {};
        const document = { role, key: done.now.keys[role], notAfter, creds: file, server: done.server._tag };
        if (session.json) printJson(session, document);
        if (done.server._tag === "Failed") {
          complain(
            `it is written, but ${done.server.message}`,
            "Look at the server's log; a SIGHUP has it read its configuration again.",
          );
          return EXIT.unreachable;
        }
        say(`A new key of ${role} is in ${displayPath(file, io.cwd)}. Hand it to everybody who works as ${role}.`);
        say(overlap === 0 ? "The former one has ended." : "The former one is let in until the overlap is over.");
        if (done.server._tag === "NotRunning") {
          say(
            "No server runs with it here. harmony fleet serve starts one; harmony fleet serve --print shows it for your own.",
          );
        }
        return EXIT.done;
      }),
    );
};

function rekeyed(
  fleet: FleetDescription,
  role: Guest,
  key: UserKey,
  lifeSeconds: number | undefined,
  overlap: number,
): { readonly fleet: FleetDescription; readonly out: readonly User[] } {
  const now = new Date();
  const before = fleet.people?.[role];
  const overlapEnd = endOf(now.toISOString(), overlap);
  const former = {
    key: fleet.keys[role],
    notAfter: before?.notAfter !== undefined && before.notAfter < overlapEnd ? before.notAfter : overlapEnd,
  };
  const isIn = overlap > 0 && before?.ended === undefined;
  const gone = [...(isIn ? [] : [fleet.keys[role]]), ...(before?.former === undefined ? [] : [before.former.key])];
  return {
    fleet: {
      ...fleet,
      keys: { ...fleet.keys, [role]: key },
      people: { ...fleet.people, [role]: { ...termFrom(now, lifeSeconds), ...(isIn ? { former } : {}) } },
    },
    out: gone.map((each) => ({ account: ACCOUNTS[role], key: each })),
  };
}
