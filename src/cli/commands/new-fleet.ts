import { resolve } from "node:path";
import * as z from "zod";
import { type AddCommand, examples } from "../command.ts";
import { EXIT } from "../exit-code.ts";
import { displayPath } from "../problem.ts";
import { makeFleetRepository } from "../scaffold/make-fleet-repository.ts";
import { printJson } from "../session.ts";

const Args = z.tuple([z.string()]);

export const addNewFleet: AddCommand = (made, run) => {
  made
    .command("fleet")
    .summary("a repository of what your devices should be")
    .description(
      "Writes a small repository: a manifest, the kinds that agents know, package.json, tsconfig.json and a workflow that " +
        "checks it. Overwrites nothing, and runs neither npm nor git.",
    )
    .argument("[DIR]", "where to; made where it is missing", ".")
    .addHelpText("after", examples("harmony new fleet", "harmony new fleet my-fleet", "npx harmony-edge new fleet"))
    .action(
      run(async (session, args) => {
        const [dir] = Args.parse(args);
        const { io, say } = session;
        const folder = resolve(io.cwd, dir);
        const done = await makeFleetRepository(folder);
        if (done._tag !== "Made") {
          session.complain(done.message, done.next);
          return EXIT.finding;
        }
        if (session.json) printJson(session, { directory: folder, files: done.files });
        const place = displayPath(folder, io.cwd);
        say(`A fleet repository is in ${folder === io.cwd ? "this folder" : place}:`);
        say(`  ${done.files.join("  ")}`);
        say("Next:");
        if (folder !== io.cwd) say(`  cd ${place}`);
        say("  npm install");
        say("  npm test                                 types, and what the target lacks");
        say("  npx harmony dev site.ts --root ./device  a server and an agent here; applied again at each save");
        say("  npx harmony new kind Motd                a kind of your own, with its contract test");
        return EXIT.done;
      }),
    );
};
