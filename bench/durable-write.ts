import { closeSync, constants, fsyncSync, openSync, renameSync, writeSync } from "node:fs";
import { join } from "node:path";

/**
 * The least that puts a file in the place of another so that no crash loses both: temporary file, fsync, rename, fsync of
 * the directory.
 */
export function durableWrite(directory: string, name: string, bytes: Uint8Array): void {
  const temporary = join(directory, `.${name}.new`);
  const fd = openSync(temporary, constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC, 0o644);
  writeSync(fd, bytes);
  fsyncSync(fd);
  closeSync(fd);
  renameSync(temporary, join(directory, name));
  const parent = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY);
  fsyncSync(parent);
  closeSync(parent);
}
