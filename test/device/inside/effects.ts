// Says what happens in folders and in the packet filter, by the kernel's own word, one line of JSON for each event:
//
//   effects FOLDER...
import { spawn } from "node:child_process";
import { watch } from "node:fs";
import { basename } from "node:path";
import { createInterface } from "node:readline";

const tell = (effect: string): void => void process.stdout.write(`${JSON.stringify({ effect })}\n`);

for (const folder of process.argv.slice(2)) {
  // A file that is written before it gets its name has none, or one that begins with a dot.
  watch(folder, (_, name) => {
    // A change of the folder itself is told under its own name.
    if (name !== null && name !== basename(folder) && !name.startsWith(".")) tell(`${folder}/${name}`);
  });
}

// Nothing of this program's own is handed on to it: whoever waits for the end of that would wait for nft.
// Each transaction ends with "# new generation 7 by process 812 (nft)".
const filter = spawn("nft", ["monitor"], { stdio: ["ignore", "pipe", "ignore"] });
createInterface(filter.stdout).on("line", (line) => {
  if (line.startsWith("# new generation")) tell("filter");
});
process.once("exit", () => filter.kill());
tell("watching");
