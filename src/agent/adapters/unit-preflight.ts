import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { PortError } from "../../capabilities/port-error.ts";
import { runCommand } from "./command.ts";
import { inScratch } from "./scratch.ts";
import { gaveUp } from "./systemd-errors.ts";

const VERIFY_MS = 15_000;
const LINES_AT_MOST = 3;

/** Files below an empty folder, by their paths in it. */
type Files = Readonly<Record<string, string>>;

interface Trial {
  readonly unit: string;
  readonly text: string;
  readonly passed: () => void;
  readonly failed: (error: unknown) => void;
}

/** Has systemd read what is to be put in place, before it is. What comes in one turn of the event loop is read together. */
export class UnitPreflight {
  #trials: Trial[] = [];

  /** @throws {PortError} `Invalid`, which quotes systemd, where it does not understand the unit's text */
  unit(unit: string, text: string): Promise<void> {
    return new Promise((passed, failed) => {
      this.#trials.push({ unit, text, passed, failed });
      if (this.#trials.length === 1) setImmediate(() => void this.#tryAll());
    });
  }

  /**
   * The same for a drop-in of the unit whose own file is `fragment`. What systemd has to say against the unit without it
   * is not held against the drop-in. Where that file cannot be read there is nothing to try the drop-in with.
   */
  async dropIn(unit: string, fragment: string, text: string): Promise<void> {
    const own = await readFile(fragment, "utf8").catch(() => null);
    if (own === null) return;
    const place = `${unit}.d/50-harmony.conf`;
    const complaints = await complaintsAbout([unit], { [unit]: own, [place]: text });
    if (complaints.length === 0) return;
    const before = new Set(await complaintsAbout([unit], { [unit]: own, [place]: "" }));
    const caused = complaints.filter((line) => !before.has(line));
    if (caused.length > 0) throw notUnderstood(`the settings of ${unit}`, caused);
  }

  async #tryAll(): Promise<void> {
    const trials = this.#trials;
    this.#trials = [];
    const files = new Map(trials.map(({ unit, text }) => [unit, text]));
    // One process for all; only where it complains each is asked for by itself.
    const isFine = trials.length > 1 && files.size === trials.length && (await passTogether(files));
    for (const { unit, text, passed, failed } of trials) {
      if (isFine) passed();
      else await tryOne(unit, text).then(passed, failed);
    }
  }
}

const passTogether = (files: ReadonlyMap<string, string>): Promise<boolean> =>
  complaintsAbout([...files.keys()], Object.fromEntries(files)).then(
    (complaints) => complaints.length === 0,
    () => false,
  );

async function tryOne(unit: string, text: string): Promise<void> {
  const complaints = await complaintsAbout([unit], { [unit]: text });
  if (complaints.length > 0) throw notUnderstood(unit, complaints);
}

/** What systemd says against the units, line by line; nothing where it cannot be asked. */
const complaintsAbout = (units: readonly string[], files: Files): Promise<readonly string[]> =>
  inScratch(async (folder) => {
    for (const [path, text] of Object.entries(files)) {
      if (path.includes("/")) await mkdir(join(folder, path.slice(0, path.lastIndexOf("/"))), { recursive: true });
      await writeFile(join(folder, path), text);
    }
    const asked = await runCommand({
      argv: [
        "systemd-analyze",
        "verify",
        "--man=no",
        "--recursive-errors=no",
        ...units.map((unit) => join(folder, unit)),
      ],
      timeoutMs: VERIFY_MS,
      signal: AbortSignal.timeout(VERIFY_MS),
    });
    // Not installed, or not to be started: then systemd itself will tell, when it reads the file.
    if (asked._tag !== "Ended" || asked.code === 0) return [];
    if (asked.timedOut) throw gaveUp(`Having systemd read ${units.join(", ")}`, "Nothing: it is tried again.");
    const said = asked.stderr.trim().replaceAll(`${folder}/`, "").split("\n");
    return said.filter((line) => line !== "").length > 0 ? said : [`systemd-analyze ended with ${asked.code}`];
  });

const notUnderstood = (what: string, complaints: readonly string[]): PortError =>
  new PortError({
    code: "Invalid",
    blame: "author",
    message: `systemd does not understand ${what}: ${complaints.slice(0, LINES_AT_MOST).join("; ").replace(/\.$/, "")}.`,
    next: "Correct the Score, or install the program that it runs.",
  });
