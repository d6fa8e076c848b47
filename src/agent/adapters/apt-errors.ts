import { type Blame, PortError, type PortErrorCode } from "../../capabilities/port-error.ts";
import type { CommandResult } from "./command.ts";

interface Meaning {
  readonly says: RegExp;
  readonly code: PortErrorCode;
  readonly blame: Blame;
  readonly next: string;
}

/** In characters; what apt prints on one line is sometimes whatever it was given. */
const WHY_LIMIT = 2000;
const WAIT = "Nothing: it is tried again.";

/** What apt and dpkg print, first match first. */
const MEANINGS: readonly Meaning[] = [
  {
    says: /Could not get lock.*|Unable to (?:acquire|lock).*|.*lock was locked by another process.*|Unit harmony-packages\.service was already loaded.*/,
    code: "Busy",
    blame: "device",
    next: WAIT,
  },
  {
    says: /Unable to locate package.*|Version .* for .* was not found|Package .* has no installation candidate/,
    code: "NotFound",
    blame: "author",
    next: "Correct the name or the version, or add the source that has it.",
  },
  {
    says: /.*(?:No space left on device|don't have enough free space).*/,
    code: "NoSpace",
    blame: "device",
    next: "Free some space on the device: apt-get clean is a beginning.",
  },
  {
    says: /.*(?:could not be authenticated|is not signed|GPG error|NO_PUBKEY).*/,
    code: "NotPermitted",
    blame: "device",
    next: "Install the key that the source is signed with.",
  },
  {
    says: /.*(?:Temporary failure resolving|Could not resolve|Could not connect|Unable to connect|Failed to fetch|Some index files failed to download).*/,
    code: "Unavailable",
    blame: "device",
    next: "Check the device's network and its sources in /etc/apt.",
  },
  {
    says: /.*Read-only file system.*/,
    code: "ReadOnly",
    blame: "device",
    next: "Mount the device's root read-write.",
  },
  {
    says: /.*(?:Permission denied|are you root\?|requires superuser privilege).*/,
    code: "NotPermitted",
    blame: "device",
    next: "Run the agent as root.",
  },
  {
    says: /.*(?:Essential packages were removed|unmet dependencies|held broken packages|Unsatisfied dependencies).*/,
    code: "Obstructed",
    blame: "author",
    next: "Try it by hand on the device to see what is in its way: apt-get --simulate install.",
  },
];

/** What went wrong with a program of apt or dpkg, in the port's words. */
export function aptProblem(doing: string, result: CommandResult): PortError {
  const fail = (code: PortErrorCode, blame: Blame, why: string, next: string): PortError =>
    new PortError({ code, blame, message: `${doing} failed: ${why.slice(0, WHY_LIMIT).replace(/\.$/, "")}.`, next });
  if (result._tag === "NotFound") {
    return fail("Unavailable", "device", "a program of apt is missing", "Install apt and dpkg.");
  }
  if (result._tag === "NotStarted") {
    return fail("Failed", "device", `it could not be started (${result.message})`, "Look at the device.");
  }
  if (result.timedOut) return fail("TimedOut", "device", "it took too long, and may go on by itself", WAIT);
  // Complaints come first: what is printed beside them is progress.
  const said = `${result.stderr}\n${result.stdout}`;
  for (const { says, code, blame, next } of MEANINGS) {
    const found = says.exec(said)?.[0];
    if (found !== undefined) return fail(code, blame, found.replace(/^E: /, "").trim(), next);
  }
  const lines = result.stderr.split("\n").filter((line) => /^(E:|dpkg: error|dpkg: warning: subprocess| )/.test(line));
  const why = lines
    .map((line) => line.replace(/^E: /, "").trim())
    .slice(0, 3)
    .join("; ");
  return fail(
    "Failed",
    "device",
    why || `it ended with ${result.code ?? result.signal}`,
    "Read /var/log/apt/term.log on the device.",
  );
}
