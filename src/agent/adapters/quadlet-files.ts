import { readdirSync, readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { QuadletFile } from "../../capabilities/container-runtime.ts";
import type { FileSystemHost } from "../../capabilities/file-system-host.ts";
import { PortError } from "../../capabilities/port-error.ts";
import { runCommand } from "./command.ts";
import { ownFile } from "./own-file.ts";
import { inScratch } from "./scratch.ts";

export const QUADLET = "/usr/libexec/podman/quadlet";
const FOLDER = "/etc/containers/systemd";
const GENERATED = "/run/systemd/generator";
const DRY_RUN_MS = 15_000;

export const quadletPath = (name: string): string => `${FOLDER}/${name}.container`;

/** The files that define containers, and what systemd's generator has made of them. */
export class QuadletFiles {
  readonly #files: FileSystemHost;

  constructor(files: FileSystemHost) {
    this.#files = files;
  }

  read(name: string): QuadletFile {
    const path = quadletPath(name);
    return ownFile(path, this.#files.inspect(path, { hashUpTo: 0 }), ({ size }): QuadletFile => ({
      type: "file",
      text: size > 1024 * 1024 ? null : textAt(path),
    }));
  }

  watch(name: string, changed: () => void): () => void {
    return this.#files.watch(quadletPath(name), changed);
  }

  async write(name: string, text: string, signal: AbortSignal): Promise<void> {
    await tryOut(name, text, signal);
    const folder = this.#files.inspect(FOLDER);
    const missing = folder.type === "missing" ? [...folder.missingParents, FOLDER] : [];
    for (const each of missing) await this.#files.makeDirectory(each, { mode: "0755" });
    await this.#files.writeFile(quadletPath(name), new TextEncoder().encode(text), { mode: "0644" });
  }

  async remove(name: string): Promise<void> {
    await this.#files.removeFile(quadletPath(name));
  }

  /** The file that the service of this name was generated of; null where none was. */
  sourceOf(name: string): string | null {
    return /^SourcePath=(.*)$/m.exec(textAt(generatedPath(name)) ?? "")?.[1] ?? null;
  }

  /**
   * Whether systemd has not yet read the file as it is. The generated service holds every line of it, and is made anew at
   * each reload alone; so no clock has to be believed.
   */
  isUnread(name: string, file: QuadletFile): boolean {
    const generated = textAt(generatedPath(name));
    if (file.type !== "file") return generated !== null && this.sourceOf(name) === quadletPath(name);
    if (generated === null) return true;
    const there = new Set(linesOf(generated));
    const wanted = linesOf(file.text ?? "");
    const own = wanted.filter((line) => line !== "[Container]");
    const ofContainer = sectionOf(generated, "X-Container").filter((line) => !own.includes(line));
    return ofContainer.length > 0 || !own.every((line) => there.has(line));
  }

  /** Whether another file defines a container by one of these references. */
  isUsedByOthers(name: string, references: readonly string[]): boolean {
    const others = namesIn(FOLDER).filter((each) => each.endsWith(".container") && each !== `${name}.container`);
    const images = others.map((each) => /^Image=(\S+)$/m.exec(textAt(join(FOLDER, each)) ?? "")?.[1]);
    return images.some((image) => image !== undefined && references.includes(image));
  }
}

const generatedPath = (name: string): string => `${GENERATED}/${name}.service`;
const linesOf = (text: string): readonly string[] => text.split("\n").filter((line) => line.trim() !== "");
const sectionOf = (text: string, section: string): readonly string[] => {
  const [, after = ""] = text.split(`[${section}]\n`);
  return linesOf(after.split(/^\[/m)[0] ?? "");
};

function textAt(path: string): string | null {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(readFileSync(path));
  } catch {
    return null;
  }
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** Has the generator read it before it is put in place: at a reload its complaints would reach nobody. */
const tryOut = (name: string, text: string, signal: AbortSignal): Promise<void> =>
  inScratch(async (folder) => {
    await writeFile(join(folder, `${name}.container`), text, { mode: 0o600 });
    const ran = await runCommand({
      argv: [QUADLET, "-dryrun", "-no-kmsg-log"],
      env: { QUADLET_UNIT_DIRS: folder },
      signal,
      timeoutMs: DRY_RUN_MS,
    });
    if (ran._tag === "NotFound") throw noQuadlet();
    if (ran._tag === "Ended" && ran.code === 0) return;
    if (ran._tag === "Ended" && ran.timedOut) throw tooSlow(name);
    throw notUnderstood(name, ran._tag === "Ended" ? ran.stderr.replaceAll(`${folder}/`, "") : ran.message);
  });

function notUnderstood(name: string, said: string): PortError {
  const complaints = said
    .split("\n")
    .map((line) => line.replace(/^quadlet-generator\[\d+\]: /, ""))
    .filter((line) => line !== "" && !line.startsWith("Loading source unit file"));
  return new PortError({
    code: "Invalid",
    blame: "author",
    message: `Quadlet does not understand ${name}.container: ${complaints.slice(0, 3).join("; ") || "it says nothing"}.`,
    next: "Correct the Score, or install a podman that knows what it asks for.",
  });
}

const tooSlow = (name: string): PortError =>
  new PortError({
    code: "TimedOut",
    blame: "device",
    message: `Having Quadlet read ${name}.container took too long.`,
    next: "Nothing: it is tried again.",
  });

const noQuadlet = (): PortError =>
  new PortError({
    code: "Unsupported",
    blame: "device",
    message: `There is no ${QUADLET}: this podman has no Quadlet.`,
    next: "Install podman 4.4 or newer.",
  });
