import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import * as z from "zod";

const PackageJson = z.looseObject({ name: z.string() });

/** The folder of this package: above the sources in a clone, above the bundle where it is installed. */
export function packageRoot(): string {
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    const file = join(folder, "package.json");
    if (
      existsSync(file) &&
      PackageJson.safeParse(JSON.parse(readFileSync(file, "utf8"))).data?.name === "harmony-edge"
    ) {
      return folder;
    }
    if (folder === dirname(folder)) throw new Error("the package.json of harmony-edge is not above its own program");
  }
}
