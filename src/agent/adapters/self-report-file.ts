import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readDocument } from "../../wire/status.ts";
import { SelfReport } from "../self-report.ts";
import { RUNTIME_DIRECTORY } from "./scratch.ts";

const FILE = "agent.json";

/** What a running agent tells on its own device, where nothing of it reaches a disk. */
export class SelfReportFile {
  readonly #folder: string;

  constructor(folder: string = RUNTIME_DIRECTORY) {
    this.#folder = folder;
  }

  write(report: SelfReport): void {
    try {
      mkdirSync(this.#folder, { recursive: true, mode: 0o755 });
      const path = join(this.#folder, FILE);
      writeFileSync(`${path}.new`, JSON.stringify(report), { mode: 0o600 });
      renameSync(`${path}.new`, path);
    } catch {
      // It is for people who look; the agent needs it for nothing.
    }
  }

  remove(): void {
    rmSync(join(this.#folder, FILE), { force: true });
  }

  /** Null where there is none that can be read. */
  read(): SelfReport | null {
    try {
      const read = readDocument(SelfReport, readFileSync(join(this.#folder, FILE)));
      return read._tag === "Read" ? read.document : null;
    } catch {
      return null;
    }
  }
}
