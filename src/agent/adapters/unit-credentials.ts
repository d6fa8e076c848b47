import { readdirSync } from "node:fs";
import { dirname } from "node:path";
import type { FileSystemHost } from "../../capabilities/file-system-host.ts";
import { CREDENTIALS, type UnitCredential } from "../../capabilities/systemd-host.ts";

/** What is kept for units to be handed: files of mode 0400 in folders that root alone may enter. */
export class UnitCredentials {
  readonly #files: FileSystemHost;

  constructor(files: FileSystemHost) {
    this.#files = files;
  }

  of(unit: string): readonly UnitCredential[] {
    return namesIn(`${CREDENTIALS}/${unit}`).flatMap((file) => {
      const entry = this.#files.inspect(`${CREDENTIALS}/${unit}/${file}`);
      return entry.type === "file" ? [{ file, sha256: entry.sha256 }] : [];
    });
  }

  async write(unit: string, file: string, bytes: Uint8Array): Promise<void> {
    await this.#files.makeDirectory(dirname(CREDENTIALS), { mode: "0755" });
    for (const path of [CREDENTIALS, `${CREDENTIALS}/${unit}`]) {
      await this.#files.makeDirectory(path, { mode: "0700" });
      // One that was there already may be open to others.
      await this.#files.setAttributes(path, { mode: "0700" });
    }
    await this.#files.writeFile(`${CREDENTIALS}/${unit}/${file}`, bytes, { mode: "0400" });
  }

  async remove(unit: string, file: string): Promise<void> {
    const folder = `${CREDENTIALS}/${unit}`;
    await this.#files.removeFile(`${folder}/${file}`);
    const left = this.#files.inspect(folder);
    if (left.type === "directory" && left.empty) await this.#files.removeDirectory(folder);
  }
}

/** What an interrupted write left has a name that begins with a dot. */
function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder).filter((name) => !name.startsWith("."));
  } catch {
    // Most units have none. One that cannot be read is found out when it is written to.
    return [];
  }
}
