import { resolve } from "node:path";
import * as z from "zod";
import { type AssetFile, assetFile } from "../asset-files.ts";
import { type AddCommand, examples } from "../command.ts";
import type { RemovedAssets } from "../../fleet/index.ts";
import type { Unreachable } from "../../wire/store.ts";
import { EXIT, type ExitCode } from "../exit-code.ts";
import { displayPath } from "../problem.ts";
import { tellUnreachable, withFleet } from "../server.ts";
import { printJson, type Session } from "../session.ts";
import { uploadOrTell } from "../uploading.ts";

const Args = z.tuple([z.array(z.string())]);
const Options = z.object({ again: z.boolean().default(false) });

const RemoveOptions = z.object({ force: z.boolean().default(false) });

function reportRemoved(session: Session, result: RemovedAssets | Unreachable): ExitCode {
  const { io, json, complain } = session;
  if (result._tag === "Unreachable") {
    tellUnreachable(session, result);
    return result.reason === "NoBucket" ? EXIT.finding : EXIT.unreachable;
  }
  if (json) printJson(session, result);
  const anyway = "--force removes it all the same.";
  switch (result._tag) {
    case "Removed":
      if (json) break;
      for (const sha256 of result.removed) io.out(`${sha256} removed\n`);
      for (const sha256 of result.absent) io.out(`${sha256} was not there\n`);
      break;
    case "InUse":
      for (const { sha256, agents } of result.uses) {
        complain(
          `nothing was removed: ${agents.join(", ")} refer${agents.length === 1 ? "s" : ""} to ${sha256}`,
          anyway,
        );
      }
      return EXIT.finding;
    case "Unreadable": {
      const { agentId, message } = result;
      complain(`nothing was removed: what the manifest of ${agentId} refers to cannot be told: ${message}`, anyway);
      return EXIT.finding;
    }
  }
  return EXIT.done;
}

export const addAsset: AddCommand = (program, run) => {
  const asset = program
    .command("asset")
    .summary("files that manifests refer to by their hash")
    .description("Files that manifests refer to by their hash. apply uploads those of its FILE by itself.");
  asset
    .command("put")
    .summary("uploads files, and prints what manifests call them")
    .description(
      "Uploads each FILE to the server, unless it is there already, and prints its sha256 and its size: assetOf(sha256, size) in a manifest.",
    )
    .argument("<FILE...>", "any file")
    .option("--again", "upload what is there already too, as it may be damaged")
    .addHelpText("after", examples("harmony asset put site.tar.zst", "harmony asset put --again site.tar.zst --json"))
    .action(
      run(async (session, args, options) => {
        const [given] = Args.parse(args);
        const { again } = Options.parse(options);
        const { io, complain } = session;
        const files: AssetFile[] = [];
        for (const name of given) {
          try {
            files.push(assetFile(resolve(io.cwd, name)));
          } catch (error) {
            complain(error instanceof Error ? error.message : String(error));
            return EXIT.usage;
          }
        }
        return withFleet(session, async (fleet) => {
          const failed = await uploadOrTell(session, fleet, files, { signal: io.signal, again });
          if (failed !== null) return failed;
          const told = files.map(({ asset: sha256, size, path }) => ({
            sha256,
            size,
            file: displayPath(path, io.cwd),
          }));
          if (session.json) printJson(session, told);
          else for (const { sha256, size, file } of told) io.out(`${sha256} ${size} ${file}\n`);
          return EXIT.done;
        });
      }),
    );
  asset
    .command("rm")
    .summary("takes files away from the server that no manifest refers to any more")
    .description(
      "Takes assets away from the server, by their sha256. Refuses while the newest manifest of an agent refers to one of them. " +
        "A device keeps what it has; an earlier manifest that is shipped again needs its assets put there anew.",
    )
    .argument("<SHA256...>", "as asset put prints it")
    .option("--force", "also what manifests refer to: devices that do not have it yet will fail")
    .addHelpText("after", examples(`harmony asset rm ${"d4".repeat(32)}`))
    .action(
      run(async (session, args, options) => {
        const [given] = Args.parse(args);
        const { force } = RemoveOptions.parse(options);
        const wrong = given.find((each) => !/^[0-9a-f]{64}$/.test(each));
        if (wrong !== undefined) {
          session.complain(`"${wrong}" is no sha256`, "It is 64 of 0-9 and a-f, as harmony asset put prints it.");
          return EXIT.usage;
        }
        return withFleet(session, async (fleet) =>
          reportRemoved(session, await fleet.removeAssets(given, { signal: session.io.signal, force })),
        );
      }),
    );
};
