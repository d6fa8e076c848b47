import { mkdir, open, rename, rm } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { EXIT, type ExitCode } from "../exit-code.ts";
import { type ListedKind, loadKinds, nameOf } from "../kinds-file.ts";
import { packageRoot } from "../package-root.ts";
import { displayPath, problemLine } from "../problem.ts";
import type { Session } from "../session.ts";
import { typeCheck } from "../type-check.ts";
import { type LinkedAgent, linkAgent } from "./link-agent.ts";
import { ownModules } from "./own-modules.ts";
import { kindsKnownTo } from "./try-agent.ts";

/** An agent in its place, which was seen to start and to know its kinds. */
export interface MadeAgent {
  /** Its absolute path. */
  readonly out: string;
  /** All files that the kinds are made of. */
  readonly inputs: readonly string[];
  readonly kinds: readonly ListedKind[];
  readonly agent: Extract<LinkedAgent, { readonly _tag: "Linked" }>;
}

/** Builds it and looks whether it works; a number: why not has been told. */
export async function makeAgent(
  session: Session,
  { file, output, check }: { readonly file: string; readonly output: string; readonly check: boolean },
): Promise<MadeAgent | ExitCode> {
  const { io, say, complain } = session;
  const path = resolve(io.cwd, file);
  const loaded = await loadKinds(file, { cwd: io.cwd, print: io.err });
  if (loaded._tag === "CannotLoad") {
    for (const problem of loaded.problems) complain(problemLine(problem, io.cwd));
    return EXIT.usage;
  }
  if (check) {
    say(`checking the types of ${displayPath(path, io.cwd)} ...`);
    const types = await typeCheck(path, io.signal);
    if (types._tag === "NoCompiler") say("note: no TypeScript compiler was found here, so types were not checked");
    const problems = types._tag === "Checked" ? types.problems : [];
    for (const problem of problems) complain(problemLine(problem, io.cwd));
    if (io.signal.aborted || problems.length > 0) return EXIT.finding;
  }
  const { kinds, inputs } = loaded;
  const agent = await linkAgent({ file: path, kinds, own: ownModules(packageRoot()) });
  if (agent._tag === "Broken") {
    for (const problem of agent.problems) complain(problemLine(problem, io.cwd));
    return EXIT.finding;
  }
  for (const name of agent.unoffered) {
    const asked = kinds.filter(({ kind }) => kind.requires.some((each) => each.name === name));
    say(`note: no agent can offer ${name} yet, which ${asked.map(({ kind }) => nameOf(kind)).join(", ")} requires`);
  }
  const out = resolve(io.cwd, output);
  const wrong = await placeAgent(out, agent.code, kinds, io.signal);
  if (wrong === null) return { out, inputs, kinds, agent };
  complain(`${displayPath(out, io.cwd)} was not written: ${wrong}`);
  return EXIT.finding;
}

/** Puts the agent in its place once it was seen to work; a sentence where it was not, and what was there is there still. */
async function placeAgent(
  out: string,
  code: Uint8Array,
  kinds: readonly ListedKind[],
  signal: AbortSignal,
): Promise<string | null> {
  // Beside its place, and with the ending by which Node knows what it is.
  const tried = `${out.replace(/\.cjs$/, "")}.new-${process.pid}.cjs`;
  try {
    await mkdir(dirname(out), { recursive: true });
    const file = await open(tried, "wx", 0o644);
    try {
      await file.writeFile(code);
      await file.sync();
    } finally {
      await file.close();
    }
    const known = await kindsKnownTo(tried, signal);
    if (signal.aborted) return "it was called off";
    if ("problem" in known) return known.problem;
    const [wanted, found] = [kinds.map(({ kind }) => nameOf(kind)), known.map(nameOf)];
    if (wanted.join() !== found.join()) return `it knows ${found.join(", ")}, and not ${wanted.join(", ")}`;
    await rename(tried, out);
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    await rm(tried, { force: true });
  }
}
