import { hostname } from "node:os";
import { resolve } from "node:path";
import * as z from "zod";
import { type AddCommand, examples, port, several, word } from "../command.ts";
import { EXIT } from "../exit-code.ts";
import { HostName } from "../fleet-setup/description.ts";
import { keyLifeOption } from "../fleet-setup/key-life-option.ts";
import { DEVICE_LIFE_SECONDS, PEOPLE_LIFE_SECONDS } from "../fleet-setup/key-life.ts";
import { FleetDirectory } from "../fleet-setup/fleet-directory.ts";
import { makeFleet } from "../fleet-setup/make-fleet.ts";
import { publicUrl } from "../fleet-setup/server-address.ts";
import { directoryOption } from "../fleet-setup/directory-option.ts";
import { displayPath } from "../problem.ts";
import { printJson } from "../session.ts";

const Options = z.object({
  dir: z.string(),
  host: z.array(HostName).default([]),
  listen: HostName,
  port: z.number(),
  keyLife: z.number(),
  expiry: z.boolean(),
});

export const addFleetInit: AddCommand = (program, run) => {
  program
    .command("init")
    .summary("makes the keys and the server's configuration of a new fleet")
    .description(
      "Makes a fleet in a new directory: the keys of operator, author, viewer and dashboard, an authority and a " +
        "certificate for TLS, and a configuration for nats-server in which every agent has just its own rights. " +
        "Overwrites nothing.",
    )
    .addOption(directoryOption())
    .option("--host <HOST>", "a name or address by which devices dial the server; may be repeated", severalHosts)
    .option("--listen <ADDRESS>", "where the server listens", word(HostName), "0.0.0.0")
    .option("--port <N>", "the server's port", port(1), 4222)
    .addOption(keyLifeOption().default(DEVICE_LIFE_SECONDS, "90d"))
    .option("--no-expiry", "keys of devices and of people have no end, and none is renewed")
    .addHelpText(
      "after",
      examples(
        "harmony fleet init --host nats.example.org",
        "harmony fleet init --dir /srv/fleet --host 192.0.2.1 --port 4222",
      ),
    )
    .action(
      run(async (session, _args, given) => {
        const { dir, host, listen, port: number, keyLife, expiry } = Options.parse(given);
        const { io, say } = session;
        const directory = new FleetDirectory(resolve(io.cwd, dir));
        const hosts = host.length === 0 ? [HostName.catch("localhost").parse(hostname())] : host;
        const at = { listen: { address: listen, port: number }, hosts };
        const ends = expiry
          ? { keyLifeSeconds: keyLife, peopleLifeSeconds: PEOPLE_LIFE_SECONDS }
          : { peopleLifeSeconds: undefined };
        const fleet = await makeFleet(directory, { ...at, ...ends }, io.signal);
        if ("_tag" in fleet) {
          session.complain(fleet.message, fleet.next);
          return EXIT.finding;
        }
        const server = publicUrl(fleet);
        if (session.json) printJson(session, { directory: directory.path, server, keys: fleet.keys });
        const place = (...names: readonly string[]): string => displayPath(directory.at(...names), io.cwd);
        say(`A fleet is in ${place()}. Its server will be ${server}.`);
        say("Keep safe, with a copy elsewhere, and let nobody else read:");
        say(`  ${place("tls", "ca.key")}  whoever has it can pass for the server`);
        say(
          `  ${place("keys")}  operator.creds and system.creds: everything; author.creds and author.pem: what devices do`,
        );
        say(`  ${place("fleet.json")}  which device is which; no secret, but it cannot be made again`);
        say("Hand out:");
        say(`  ${place("keys", "viewer.creds")}, ${place("keys", "dashboard.creds")}  to those who only look`);
        say(`  ${place("device")}  to every device: whom to trust; no secret`);
        say(`Next: harmony fleet serve --dir ${place()}`);
        return EXIT.done;
      }),
    );
};

const host = word(HostName);
const severalHosts = (text: string, before: unknown): readonly unknown[] => several(host(text), before);
