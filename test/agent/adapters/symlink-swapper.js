// Swaps a path for a symbolic link and back, as fast as it can, until it is killed: symlink-swapper.js PATH TARGET
import { renameSync, symlinkSync, unlinkSync } from "node:fs";

const [, , path = "", target = ""] = process.argv;
const aside = `${path}.aside`;
let swaps = 0;

for (;;) {
  try {
    renameSync(path, aside);
    symlinkSync(target, path);
    unlinkSync(path);
    renameSync(aside, path);
  } catch {
    // The other side has put something there meanwhile: begin anew from what there is.
    for (const repair of [() => unlinkSync(path), () => renameSync(aside, path)]) {
      try {
        repair();
      } catch {
        // Then there is nothing to repair.
      }
    }
  }
  swaps++;
  if (swaps % 100 === 0) process.stdout.write(".");
}
