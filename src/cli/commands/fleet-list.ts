import { resolve } from "node:path";
import * as z from "zod";
import { GUESTS } from "../../wire/nats/grants.ts";
import { type AddCommand, examples } from "../command.ts";
import { spoken } from "../duration.ts";
import { EXIT } from "../exit-code.ts";
import type { FleetDescription, Term } from "../fleet-setup/description.ts";
import { directoryOption } from "../fleet-setup/directory-option.ts";
import { FleetDirectory } from "../fleet-setup/fleet-directory.ts";
import { type Ending, endingOf } from "../fleet-setup/key-life.ts";
import type { Paint } from "../paint.ts";
import { printJson } from "../session.ts";
import { type Cell, table } from "../table.ts";

/** One line of the list. */
interface Listed {
  readonly name: string;
  readonly is: "device" | "role";
  readonly key: string;
  readonly ending: Ending;
  readonly notAfter: string | null;
  /** Whether a next key waits to be confirmed, or a former one is still let in. */
  readonly isRenewing: boolean;
}

export const addFleetList: AddCommand = (program, run) => {
  program
    .command("list")
    .summary("who is in the fleet, and whose keys end")
    .description("Lists the devices and the roles of a fleet, with when their keys end. Asks no server.")
    .addOption(directoryOption())
    .option("--ending", "those alone that have ended, or end soon: a device that is reachable has renewed before")
    .addHelpText("after", examples("harmony fleet list", "harmony fleet list --ending --json"))
    .action(
      run(async (session, _args, given) => {
        const { dir, ending } = z.object({ dir: z.string(), ending: z.boolean().default(false) }).parse(given);
        const { io, say, complain, paintOut } = session;
        const fleet = await new FleetDirectory(resolve(io.cwd, dir)).read();
        if ("_tag" in fleet) {
          complain(fleet.message, fleet.next);
          return EXIT.usage;
        }
        const now = new Date();
        const all = listed(fleet, now).filter(
          (each) => !ending || each.ending === "ends soon" || each.ending === "ended",
        );
        if (session.json) printJson(session, { keys: all });
        else if (all.length > 0)
          io.out(table(["name", "is", "key", "ends", ""], rows(all, now, paintOut), paintOut.dim));
        else say(ending ? "No key has ended, and none ends soon." : "Nobody is in this fleet.");
        return EXIT.done;
      }),
    );
};

const listed = ({ agents, keys, people }: FleetDescription, now: Date): readonly Listed[] => [
  ...Object.entries(agents).map(([name, { key, next, ...term }]) =>
    line({ name, is: "device", key, isRenewing: next !== undefined }, term, now),
  ),
  ...(["operator", "system"] as const).map((name) =>
    line({ name, is: "role", key: keys[name], isRenewing: false }, {}, now),
  ),
  ...GUESTS.map((name) => {
    const { former, ...term } = people?.[name] ?? {};
    return line({ name, is: "role", key: keys[name], isRenewing: former !== undefined }, term, now);
  }),
];

const line = (each: Omit<Listed, "ending" | "notAfter">, term: Term, now: Date): Listed => ({
  ...each,
  ending: endingOf(term, now),
  notAfter: term.notAfter ?? null,
});

const rows = (all: readonly Listed[], now: Date, paint: Paint): readonly (readonly Cell[])[] =>
  all.map(({ name, is, key, ending, notAfter, isRenewing }) => {
    const left = notAfter === null ? 0 : Date.parse(notAfter) - now.getTime();
    const ends = notAfter === null ? "never" : left <= 0 ? `${spoken(-left)} ago` : `in ${spoken(left)}`;
    const isOdd = ending === "ended" || ending === "ends soon";
    const told = [...(isOdd ? [ending] : []), ...(isRenewing ? ["renewing"] : [])].join(", ");
    return [name, is, `${key.slice(0, 8)}...`, ends, isOdd ? { text: told, paint: paint.red } : told];
  });
