import type { Plugin } from "esbuild";
import { existsSync } from "node:fs";
import { join, relative } from "node:path";

/** Where this package's own modules are, one a file, for an agent to be linked of. */
export interface OwnModules {
  readonly root: string;
  readonly folder: string;
  readonly extension: ".ts" | ".js";
}

/** The sources in a clone; in an installed package what was made of them. */
export function ownModules(root: string): OwnModules {
  return existsSync(join(root, "src/agent/program.ts"))
    ? { root, folder: join(root, "src"), extension: ".ts" }
    : { root, folder: join(root, "dist/lib"), extension: ".js" };
}

/** The one that is called `scores/file` or the like. */
export const ownModule = ({ folder, extension }: OwnModules, name: string): string => join(folder, name + extension);

/** V8's flags have to be set although nobody asks this module for anything. */
const WITH_EFFECTS = "agent/adapters/small-heap";

/**
 * `harmony-edge` means this copy, whatever is installed beside FILE: a kind has to be the class that the agent knows. Of this
 * copy, what nobody uses is left out; and `zod` is the one that it uses itself, or there would be two of it.
 */
export const ownCopyForAgents = (own: OwnModules): Plugin => ({
  name: "harmony-edge",
  setup(build) {
    const tell = (path: string) => ({ path, sideEffects: path === ownModule(own, WITH_EFFECTS) });
    build.onResolve({ filter: /^harmony-edge(\/(testing|check))?$/ }, ({ path }) => {
      const name = path === "harmony-edge" ? "index" : `${path.slice("harmony-edge/".length)}/index`;
      return tell(ownModule(own, name));
    });
    build.onResolve({ filter: /^\.\.?\// }, ({ path, resolveDir, kind }) => {
      if (kind === "entry-point" || relative(own.folder, resolveDir).startsWith("..")) return undefined;
      return tell(join(resolveDir, path));
    });
    build.onResolve({ filter: /^zod($|\/)/ }, async ({ path, kind, pluginData }) =>
      pluginData === own ? undefined : build.resolve(path, { kind, resolveDir: own.folder, pluginData: own }),
    );
  },
});
