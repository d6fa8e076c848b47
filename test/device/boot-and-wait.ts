// A process that boots a machine, says the process id of its systemd, and then does nothing until it is killed.
import { bootMachine } from "./machine/machine.ts";

const machine = await bootMachine({ signal: new AbortController().signal });
process.stdout.write(`${machine.pid}\n`);
setInterval(() => {}, 60_000);
