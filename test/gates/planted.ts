import { spawn } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** Mistakes that somebody could make in one of the gates. That each of them is found shows that the others are not there. */
export const PLANTS = {
  "the compiler forgets a capability": {
    file: "src/topology/fits.ts",
    is: "Exclude<Requires<S>, Offered<T>>, T>",
    becomes: 'Exclude<Requires<S>, Offered<T> | "PacketFilter">, T>',
  },
  "the compiler judges the first part of a composition alone": {
    file: "src/topology/compose.ts",
    is: "Composition<ScoresOf<P[keyof P]>>",
    becomes: 'Composition<ScoresOf<P[keyof P & "s0"]>>',
  },
  "the checker does not look at versions": {
    file: "src/check/check.ts",
    is: "if (versions.includes(version)) {",
    becomes: "if (versions.length > 0) {",
  },
  "the checker loses a reason": {
    file: "src/check/check.ts",
    is: "...(target.document.absent && { absent: target.document.absent }),",
    becomes: "",
  },
  "the checker counts contents that no agent would take": {
    file: "src/check/check.ts",
    is: "denialsOfWhole(encodeScores(manifest), takeable, policy)",
    becomes: "denialsOfWhole(encodeScores(manifest), Object.values(manifest.scores), policy)",
  },
  "the agent lets pass what its host turned out not to have": {
    file: "src/wire/decode.ts",
    is: "const lacking = lacks(known, topology);",
    becomes: "const lacking = lacks(known, topology).filter(({ reason }) => reason === null);",
  },
  "the agent does not count signatures": {
    file: "src/wire/decode.ts",
    is: 'return tooFew === null ? decoded : no("ThresholdNotMet", tooFew);',
    becomes: "return tooFew === undefined ? decoded : decoded;",
  },
  "the agent publishes what it has not": {
    file: "src/agent/capabilities-of.ts",
    is: "    kinds,\n    agentVersion",
    becomes: "    kinds: { ...kinds, File: [1] },\n    agentVersion",
  },
} as const satisfies Readonly<Record<string, { readonly file: string; readonly is: string; readonly becomes: string }>>;
export type Plant = keyof typeof PLANTS;

const root = fileURLToPath(new URL("../..", import.meta.url));
const COPIED = [
  "package.json",
  "tsconfig.json",
  "src",
  "test/gates",
  "test/types/compiler.ts",
  "test/agent/support",
  "test/support",
];

/** Runs the same cases in a copy of the repository in which that one mistake was made; gives what the run ends with. */
export async function runPlanted(plant: Plant, args: readonly string[], signal: AbortSignal): Promise<number> {
  mkdirSync(join(root, "dist"), { recursive: true });
  const copy = mkdtempSync(join(root, "dist/.planted-"));
  try {
    for (const path of COPIED) cpSync(join(root, path), join(copy, path), { recursive: true });
    symlinkSync(join(root, "node_modules"), join(copy, "node_modules"));
    const { file, is, becomes } = PLANTS[plant];
    const text = readFileSync(join(copy, file), "utf8");
    if (text.split(is).length !== 2) throw new Error(`${file} has not got exactly one "${is}": mend the plant`);
    writeFileSync(
      join(copy, file),
      text.replace(is, () => becomes),
    );
    const child = spawn(
      process.execPath,
      ["--conditions=harmony-edge-source", join(copy, "test/gates/main.ts"), ...args],
      {
        stdio: "inherit",
        signal,
      },
    );
    return await new Promise((resolve, reject) => {
      child.on("error", reject);
      child.on("close", (code) => resolve(code ?? 1));
    });
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}
