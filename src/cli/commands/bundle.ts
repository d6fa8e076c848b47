import { gzipSync } from "node:zlib";
import * as z from "zod";
import { type MadeAgent, makeAgent } from "../bundle/make-agent.ts";
import { type AddCommand, examples } from "../command.ts";
import { EXIT } from "../exit-code.ts";
import { nameOf } from "../kinds-file.ts";
import { displayPath } from "../problem.ts";
import { printJson, type Session } from "../session.ts";
import { table } from "../table.ts";

const Options = z.object({ kinds: z.string(), output: z.string(), check: z.boolean() });

export const addBundle: AddCommand = (program, run) => {
  program
    .command("bundle")
    .summary("builds an agent that knows your own kinds, and links no more than it needs")
    .description(
      "Builds an agent that knows the kinds in the list that FILE exports, such as `export default [FileScore, MotdScore] as const`, " +
        "and no others; it is linked with the adapters of the capabilities that they require, and with no others. OUT is one file for " +
        "Node 20.19 and newer, started as `node OUT run --id ID`. It is started once here, and has to know these kinds.",
    )
    .requiredOption("--kinds <FILE>", "TypeScript or JavaScript whose default export is a list of kinds")
    .option("-o, --output <FILE>", "where the agent goes", "agent.cjs")
    .option("--no-check", "do not type-check FILE first")
    .addHelpText(
      "after",
      examples(
        "harmony bundle --kinds ./kinds.ts -o agent.cjs",
        "harmony bundle --kinds ./kinds.ts --json | jq .kinds",
        "node agent.cjs run --id pi-1 --root ./pi",
      ),
    )
    .action(
      run(async (session, _, options) => {
        const { kinds, output, check } = Options.parse(options);
        const started = performance.now();
        const made = await makeAgent(session, { file: kinds, output, check });
        if (typeof made === "number") return made;
        report(session, made, performance.now() - started);
        return EXIT.done;
      }),
    );
};

function report(session: Session, { out, kinds, agent }: MadeAgent, ms: number): void {
  const { io, json, say, paintOut } = session;
  const { own, shared, core } = agent.shares;
  const bytes = agent.code.length;
  const gzipped = gzipSync(agent.code, { level: 9 }).length;
  const seconds = Number((ms / 1000).toFixed(1));
  if (json) {
    printJson(session, {
      file: out,
      bytes,
      gzippedBytes: gzipped,
      kinds: kinds.map(({ kind, file }) => ({
        kind: kind.kind,
        version: kind.version,
        requires: kind.requires.map(({ name }) => name),
        bytes: own.get(nameOf(kind)) ?? 0,
        file,
      })),
      capabilities: agent.capabilities.map((name) => ({ name, bytes: own.get(name) ?? 0 })),
      sharedBytes: shared,
      coreBytes: core,
      seconds,
    });
    return;
  }
  const row = (name: string, size: number, what: string): readonly string[] => [name, String(size), what];
  io.out(
    table(
      ["PART", "BYTES", "IS"],
      [
        ...kinds.map(({ kind, file }) =>
          row(
            nameOf(kind),
            own.get(nameOf(kind)) ?? 0,
            file === null ? "a kind of Harmony's own" : displayPath(file, io.cwd),
          ),
        ),
        ...agent.capabilities.map((name) => row(name, own.get(name) ?? 0, "how it is offered")),
        row("shared", shared, "what several of these need"),
        row("core", core, "what every agent has"),
        row("all", bytes, `${gzipped} gzipped`),
      ],
      paintOut.dim,
    ),
  );
  say(`${displayPath(out, io.cwd)} was written in ${seconds} s, was started once, and knows these kinds.`);
  say(`  Run it on a device: node ${displayPath(out, io.cwd)} run --id ID`);
}
