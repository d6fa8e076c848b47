import { readFileSync } from "node:fs";
import { PortError } from "../../capabilities/port-error.ts";

/** An account as the commands of a job run under it. */
export interface JobAccount {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  /** The supplementary groups. */
  readonly groups: readonly number[];
  readonly home: string;
}

/**
 * Looks an account up by its name or number, in /etc/passwd and /etc/group alone, as everything here does. Read anew each
 * time: a job is seldom run, and must not be run as somebody who has been removed.
 */
export function jobAccount(account: string): JobAccount {
  const found = linesOf("/etc/passwd").find(([name, , uid]) => name === account || uid === account);
  const [name = "", , uid = "", gid = "", , home = ""] = found ?? [];
  if (!/^\d+$/.test(uid) || !/^\d+$/.test(gid)) {
    throw new PortError({
      code: "Invalid",
      blame: "author",
      message: `The host knows no user ${JSON.stringify(account)}.`,
      // This can come right by itself: a package that is installed later may bring the account.
      next: "Create the user before this Score runs, or name one that exists.",
    });
  }
  const groups = linesOf("/etc/group")
    .filter(([, , , members = ""]) => members.split(",").includes(name))
    .map(([, , id = ""]) => Number(id));
  return { name, uid: Number(uid), gid: Number(gid), groups: [...new Set(groups)], home: home === "" ? "/" : home };
}

/** The number of a group, by its name or number. */
export function groupId(group: string): number {
  const id = /^\d+$/.test(group) ? group : linesOf("/etc/group").find(([name]) => name === group)?.[2];
  if (id !== undefined && /^\d+$/.test(id)) return Number(id);
  throw new PortError({
    code: "Invalid",
    blame: "author",
    message: `The host knows no group ${JSON.stringify(group)}.`,
    next: "Create the group before this Score runs, or name one that exists.",
  });
}

const linesOf = (file: string): readonly (readonly string[])[] =>
  readFileSync(file, "utf8")
    .split("\n")
    .map((line) => line.split(":"));

/** Where setpriv (of util-linux, which every Debian has) is. */
export const SETPRIV = "/usr/bin/setpriv";

/**
 * The command, as the account and with nothing of the agent's rights left: user, group, supplementary groups and
 * inheritable capabilities. It is killed when the agent is, so that none goes on that nobody watches; one that the agent's
 * end came upon before that was arranged is found by its mark at the next start.
 *
 * Node's own `uid` and `gid` would take a user's groups away.
 */
export function asAccount(
  { name, uid, gid, groups }: JobAccount,
  argv: readonly string[],
): readonly [string, ...string[]] {
  const own = process.geteuid?.() ?? 0;
  if (own === 0) {
    const supplementary = groups.length === 0 ? ["--clear-groups"] : ["--groups", groups.join(",")];
    const drop = ["--reuid", String(uid), "--regid", String(gid), ...supplementary, "--inh-caps=-all"];
    return [SETPRIV, ...drop, "--pdeathsig", "KILL", "--", ...argv];
  }
  if (uid === own) return [SETPRIV, "--pdeathsig", "KILL", "--", ...argv];
  throw new PortError({
    code: "NotPermitted",
    blame: "device",
    message: `The agent runs as the user ${own} and cannot run a command as ${name}.`,
    next: `Run the agent as root, or let the job run as the agent's own user.`,
  });
}
