import { resolve } from "node:path";
import * as z from "zod";
import { type AssetFile, assetFile } from "../asset-files.ts";
import { type AddCommand, examples } from "../command.ts";
import { EXIT } from "../exit-code.ts";
import { displayPath } from "../problem.ts";
import { withFleet } from "../server.ts";
import { printJson } from "../session.ts";
import { uploadOrTell } from "../uploading.ts";

const Args = z.tuple([z.array(z.string())]);
const Options = z.object({ again: z.boolean().default(false) });

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
};
