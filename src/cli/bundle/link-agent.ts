import { isBuiltin } from "node:module";
import { dirname, join, relative } from "node:path";
import type { Metafile } from "esbuild";
import * as z from "zod";
import type { Problem } from "../problem.ts";
import { AGENT_OPTIONS, withoutXml } from "./agent-options.ts";
import { ownCopyForAgents, ownModule, type OwnModules } from "./own-modules.ts";
import { type Shares, sharesOf } from "./shares.ts";
import { type ListedKind, nameOf } from "../kinds-file.ts";

export interface ToLink {
  /** The absolute path of the FILE that lists the kinds. */
  readonly file: string;
  readonly kinds: readonly ListedKind[];
  readonly own: OwnModules;
}

export type LinkedAgent =
  | {
      readonly _tag: "Linked";
      readonly code: Uint8Array;
      readonly shares: Shares;
      /** By which capabilities are offered, in the order of their names. */
      readonly capabilities: readonly string[];
      /** What a kind requires and no agent can offer yet. */
      readonly unoffered: readonly string[];
    }
  | { readonly _tag: "Broken"; readonly problems: readonly Problem[] };

/** The exports of `agent/adapters/offers/`, by capability. */
const ADAPTERS: Readonly<Record<string, readonly [module: string, name: string]>> = {
  FileSystemHost: ["file-system-host", "fileSystemHost"],
  SystemdHost: ["systemd-host", "systemdHost"],
  ContainerRuntime: ["container-runtime", "containerRuntime"],
  NetworkConfigurator: ["network-configurator", "networkConfigurator"],
  PacketFilter: ["packet-filter", "packetFilter"],
  PackageManager: ["package-manager", "packageManager"],
  AuditedShell: ["audited-shell", "auditedShell"],
};

/** What a kind may ask Node for: what reaches the device goes through a port, which policy and cage know of. */
const PURE = new Set(["assert", "buffer", "crypto", "path", "querystring", "string_decoder", "url", "util"]);

/** An agent that knows these kinds and is linked with the adapters that they require, and with no others. Writes nothing. */
export async function linkAgent({ file, kinds, own }: ToLink): Promise<LinkedAgent> {
  const { build } = await import("esbuild");
  const folder = dirname(file);
  const required = [...new Set(kinds.flatMap(({ kind }) => kind.requires.map(({ name }) => name)))].toSorted();
  const capabilities = required.filter((name) => Object.hasOwn(ADAPTERS, name));
  const offers = capabilities.flatMap((capability) => {
    const adapter = ADAPTERS[capability];
    return adapter === undefined
      ? []
      : [{ capability, name: adapter[1], path: ownModule(own, `agent/adapters/offers/${adapter[0]}`) }];
  });
  const text = [
    `import ${JSON.stringify(ownModule(own, "agent/adapters/small-heap"))};`,
    `import { agentProgram } from ${JSON.stringify(ownModule(own, "agent/program"))};`,
    ...offers.map(({ name, path }) => `import { ${name} } from ${JSON.stringify(path)};`),
    `import kinds from ${JSON.stringify(file)};`,
    `const adapters = { ${offers.map(({ capability, name }) => `${capability}: ${name}`).join(", ")} };`,
    "export const main = agentProgram({ kinds, adapters });",
  ].join("\n");
  try {
    const { outputFiles, metafile } = await build({
      ...AGENT_OPTIONS,
      absWorkingDir: folder,
      stdin: { contents: text, resolveDir: folder, sourcefile: "agent" },
      outfile: join(folder, "agent.cjs"),
      write: false,
      metafile: true,
      logLevel: "silent",
      plugins: [withoutXml, ownCopyForAgents(own)],
    });
    const problems = reachingOut(metafile, file, own);
    if (problems.length > 0) return { _tag: "Broken", problems };
    const [output] = outputFiles;
    if (output === undefined) throw new Error("esbuild made nothing");
    const at = (path: string): string => relative(folder, path);
    const parts = new Map<string, readonly string[]>([
      ...offers.map(({ capability, path }) => [capability, [at(path)]] as const),
      ...kinds.map((each) => [nameOf(each.kind), [at(each.file ?? ownModule(own, `scores/${fileOf(each)}`))]] as const),
    ]);
    const shares = sharesOf(modulesOf(metafile), {
      total: output.contents.length,
      core: [at(ownModule(own, "agent/program")), at(ownModule(own, "agent/adapters/small-heap"))],
      parts,
      // The list of kinds, and the library as a whole.
      through: new Set([at(ownModule(own, "index")), at(ownModule(own, "scores/index"))]),
    });
    const unoffered = required.filter((name) => !capabilities.includes(name));
    return { _tag: "Linked", code: output.contents, shares, capabilities, unoffered };
  } catch (error) {
    const failure = Failure.safeParse(error);
    if (!failure.success) throw error;
    const problems = failure.data.errors.map(({ text: message, location }): Problem =>
      location === null
        ? { file, message }
        : { file: join(folder, location.file), line: location.line, column: location.column + 1, message },
    );
    return { _tag: "Broken", problems };
  }
}

const Failure = z.object({
  errors: z.array(
    z.object({
      text: z.string(),
      location: z.object({ file: z.string(), line: z.number(), column: z.number() }).nullable(),
    }),
  ),
});

/** `SystemdService` is in `systemd-service`; a test holds all kinds to that. */
export const fileOf = ({ kind: { kind } }: Pick<ListedKind, "kind">): string =>
  kind.replaceAll(/(?<=[a-z0-9])(?=[A-Z])/g, "-").toLowerCase();

function modulesOf({ inputs, outputs }: Metafile) {
  const sizes = new Map(Object.values(outputs).flatMap((output) => Object.entries(output.inputs)));
  return new Map(
    Object.entries(inputs).map(([path, { imports }]) => [
      path,
      {
        bytes: sizes.get(path)?.bytesInOutput ?? 0,
        imports: imports.flatMap(({ path: imported, external }) => (external === true ? [] : [imported])),
      },
    ]),
  );
}

/** The modules of Node that the kinds, or what they are made of beside Harmony, ask for and may not. */
function reachingOut({ inputs }: Metafile, file: string, own: OwnModules): readonly Problem[] {
  const folder = dirname(file);
  const isOwn = (path: string): boolean => !relative(own.folder, join(folder, path)).startsWith("..");
  const found: Problem[] = [];
  const seen = new Set<string>();
  const open = [relative(folder, file)];
  for (let path = open.pop(); path !== undefined; path = open.pop()) {
    if (seen.has(path) || isOwn(path)) continue;
    seen.add(path);
    for (const { path: asked, external } of inputs[path]?.imports ?? []) {
      if (external !== true) open.push(asked);
      else if (isBuiltin(asked) && !PURE.has(moduleOf(asked))) {
        const message = `it imports ${asked}: a kind reaches the device by its ports alone, which policies and the agent's cage know of`;
        found.push({ file: join(folder, path), message });
      }
    }
  }
  return found;
}

const moduleOf = (path: string): string => path.replace(/^node:/, "").split("/")[0] ?? "";
