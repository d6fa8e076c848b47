import { fleetDoctor, systemClock } from "../../fleet/index.ts";
import { VERSION } from "../../wire/version.ts";
import { type AddCommand, examples } from "../command.ts";
import { EXIT } from "../exit-code.ts";
import { printable } from "../paint.ts";
import { withoutPassword, withStore } from "../server.ts";
import { printJson } from "../session.ts";

export const addDoctor: AddCommand = (program, run) => {
  program
    .command("doctor")
    .summary("what is wrong with the server, these credentials and the agents, and what to do about it")
    .description(
      "Looks at the server and its buckets, at what these credentials may, and at each agent: whether it is heard of, its clock, " +
        "its version, its policies. Changes nothing. On a device harmony agent doctor looks at that device.",
    )
    .addHelpText(
      "after",
      examples("harmony doctor", "harmony doctor --json | jq '.findings[] | select(.level != \"ok\")'"),
    )
    .addHelpText("after", "Ends with 1 where something is to be done, with 4 where the server cannot be reached.")
    .action(
      run(async (session) =>
        withStore(session, async (store, connected) => {
          const { io, json, paintOut } = session;
          const told = connected.server() ?? { version: "0", hasJetStream: false };
          const server = { ...told, name: withoutPassword(session.server) };
          const findings = await fleetDoctor({ store, clock: systemClock }, server, VERSION, { signal: io.signal });
          const isWell = findings.every(({ level }) => level === "ok");
          if (json) printJson(session, { version: VERSION, at: new Date().toISOString(), isWell, findings });
          else {
            const paint = { ok: paintOut.green, warn: paintOut.yellow, fail: paintOut.red };
            for (const { check, level, found, next } of findings) {
              io.out(`${paint[level](level.padEnd(4))}  ${printable(check)}: ${printable(found)}\n`);
              if (next !== null) io.out(`      ${printable(next)}\n`);
            }
          }
          return isWell ? EXIT.done : EXIT.finding;
        }),
      ),
    );
};
