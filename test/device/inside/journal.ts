import { execFileSync } from "node:child_process";
import { closeSync, mkdirSync, openSync, rmSync, writeSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { Journalctl } from "../../../src/agent/adapters/journalctl.ts";
import { logSourceContract } from "../../agent/logs/log-source.contract.ts";
import { report } from "./report.ts";

/** Puts the reader of the journal to the contract of its port, with units that say what they are told to. */

const FOLDER = "/run/journal-contract";
const LATE_MS = 5000;
const source = new Journalctl();
mkdirSync(FOLDER);

/** What it has written is read by the journal a moment later. */
async function untilLogged(unit: string, text: string): Promise<void> {
  const query = { units: [unit], after: null, tail: 1, since: null, follow: false };
  for (let waited = 0; waited < LATE_MS; waited += 20) {
    for await (const entries of source.read(query, AbortSignal.timeout(LATE_MS))) {
      if (entries.some((entry) => entry._tag === "Entry" && entry.text === text)) return;
    }
    await sleep(20);
  }
  throw new Error(`${text} did not come to be in the journal of ${unit}`);
}

for (const [nth, { name, run }] of logSourceContract.entries()) {
  await report(name, async () => {
    const unit = `says-${nth}.service`;
    const pipe = `${FOLDER}/${nth}`;
    execFileSync("mkfifo", [pipe]);
    // What systemd itself says of the unit is kept out, since it is in the same log.
    const kept = ["--property=SyslogLevel=warning", "--property=LogLevelMax=notice"];
    execFileSync("systemd-run", ["--quiet", `--unit=${unit}`, ...kept, "sh", "-c", `exec cat <>${pipe}`]);
    const handle = openSync(pipe, "w");
    try {
      await run({
        units: [unit],
        source,
        log: async (...texts) => {
          for (const text of texts) writeSync(handle, `${text}\n`);
          await untilLogged(unit, texts.at(-1) ?? "");
        },
      });
    } finally {
      closeSync(handle);
      execFileSync("systemctl", ["stop", unit]);
      rmSync(pipe);
    }
  });
}
