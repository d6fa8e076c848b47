import { resolve } from "node:path";
import * as z from "zod";
import { type AddCommand, examples } from "../command.ts";
import { EXIT } from "../exit-code.ts";
import { directoryOption } from "../fleet-setup/directory-option.ts";
import { FleetDirectory } from "../fleet-setup/fleet-directory.ts";
import { endKeys } from "../fleet-setup/renewing.ts";
import { serve } from "../fleet-setup/serve.ts";
import { publicUrl } from "../fleet-setup/server-address.ts";
import { accountsConfig } from "../fleet-setup/server-config.ts";
import { printJson } from "../session.ts";

const Options = z.object({ dir: z.string(), print: z.boolean().default(false) });

export const addFleetServe: AddCommand = (program, run) => {
  program
    .command("serve")
    .summary("runs the fleet's server, in the foreground")
    .description(
      "Runs nats-server with the fleet's configuration until it is told to end, and makes the buckets. " +
        "With --print it runs nothing: it prints what an existing server or cluster has to be given.",
    )
    .addOption(directoryOption())
    .option("--print", "print the accounts and users for a server of your own")
    .addHelpText(
      "after",
      examples(
        "harmony fleet serve",
        "harmony fleet serve --dir /srv/fleet",
        "harmony fleet serve --print > accounts.conf",
      ),
    )
    .action(
      run(async (session, _args, given) => {
        const { dir, print } = Options.parse(given);
        const { io, say, complain } = session;
        const directory = new FleetDirectory(resolve(io.cwd, dir));
        const fleet = await directory.read();
        if ("_tag" in fleet) {
          complain(fleet.message, fleet.next);
          return EXIT.usage;
        }
        if (print) {
          const ended = endKeys(fleet, new Date());
          const accounts = accountsConfig(ended?.fleet ?? fleet);
          if (session.json) printJson(session, { accounts });
          else io.out(accounts);
          for (const line of ended?.told ?? []) say(line);
          say("Include this in the configuration of every server, beside tls {} and jetstream {}, and reload them.");
          say(
            "Do so again after each harmony fleet accept and revoke. The first harmony apply as operator makes the buckets.",
          );
          if (Object.values(fleet.agents).some(({ notAfter }) => notAfter !== undefined)) {
            say(
              "There no key is renewed: that is done by harmony fleet serve alone. With --no-expiry (init, accept) keys have no end.",
            );
          }
          return EXIT.done;
        }
        const serving = await serve(directory, fleet, io.signal, say);
        if (io.signal.aborted) return EXIT.done;
        if (serving._tag === "Unusable") {
          complain(serving.message, serving.next);
          return EXIT.finding;
        }
        const { pid, version } = serving;
        if (session.json) printJson({ ...session, jsonLines: true }, { server: publicUrl(fleet), pid, version });
        say(`nats-server ${version} serves the fleet at ${publicUrl(fleet)}; Ctrl-C ends it.`);
        const why = await serving.exited;
        if (io.signal.aborted) return EXIT.done;
        complain(`nats-server has ended: ${why}`);
        return EXIT.finding;
      }),
    );
};
