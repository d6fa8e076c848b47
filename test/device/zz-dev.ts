import { writeFileSync } from "node:fs";
import { bootMachine } from "./machine/machine.ts";
const stop = new AbortController();
const m = await bootMachine({ name: "unitsdev", signal: stop.signal });
writeFileSync("/tmp/units-dev/pid", String(m.pid));
console.log("up", m.pid);
process.on("SIGTERM", async () => {
  await m.stop();
  process.exit(0);
});
setInterval(() => {}, 1000);
