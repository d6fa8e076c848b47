import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { LocalShell } from "../../../src/agent/adapters/local-shell.ts";
import { shellJobWorldAt } from "../../../src/testing/shell-job-world.ts";
import { keep, often } from "./keep.ts";

/** Puts ShellJob to its contract on the shell of this machine. The first argument: how many cases. */

const FOLDER = "/srv/jobs/";
const RECORDS = "/srv/records";

/** The programs that the world's specs name, beside those that every machine has. */
const PROGRAMS: Readonly<Record<string, string>> = {
  "/usr/bin/probe": `#!/bin/sh\n[ -e ${FOLDER}broken ] && exit 2\n[ -e "$1" ] || exit 1\n`,
  "/bin/make": '#!/bin/sh\n: >"$2"\n',
};

for (const [path, program] of Object.entries(PROGRAMS)) {
  writeFileSync(path, program);
  chmodSync(path, 0o755);
}
mkdirSync(RECORDS);

const world = shellJobWorldAt(FOLDER, (facts) => {
  const put = (fact: string): void => writeFileSync(`${FOLDER}${fact}`, "");
  mkdirSync(FOLDER);
  for (const fact of facts) put(fact);
  const directory = mkdtempSync(`${RECORDS}/`);
  const shell = new LocalShell({ isEnabled: true, directory, log: () => {} });
  return {
    ports: { AuditedShell: shell.port },
    snapshot: () => Object.fromEntries(readdirSync(FOLDER).map((fact) => [fact, true as const])),
    change: ({ fact, isThere }) => (isThere ? put(fact) : rmSync(`${FOLDER}${fact}`, { force: true })),
    close() {
      shell.close();
      rmSync(FOLDER, { recursive: true });
      rmSync(directory, { recursive: true });
    },
  };
});

const [, , runs = "1"] = process.argv;
await keep(world, { runs: often(Number(runs)), faults: 100 });
