import * as z from "zod";
import type { Condition } from "../wire/status.ts";
import type { Unreachable } from "../wire/store.ts";
import { DROP_IN } from "./cage/unit.ts";
import { floorOf } from "./free-space.ts";
import type { Space } from "./disk.ts";
import { type KeyReport, SelfReport } from "./self-report.ts";

const Finding = z.object({
  /** What was looked at: `node`, `state directory`, `capability SystemdHost`. */
  check: z.string(),
  /** `fail`: the agent cannot do here what it is for. `warn`: something is missing, or worth a look. */
  level: z.enum(["ok", "warn", "fail"]),
  /** One sentence: what was found. */
  found: z.string(),
  /** One sentence: what to do; null where nothing is. */
  next: z.string().nullable(),
});
export type Finding = z.infer<typeof Finding>;

/** What `harmony agent doctor --json` prints. */
export const DoctorReport = z.object({
  agentVersion: z.string(),
  /** The device's own clock, as ISO 8601 in UTC. */
  at: z.iso.datetime(),
  /** Whether nothing failed. */
  isWell: z.boolean(),
  findings: z.array(Finding),
  /** What the running agent says of itself; null where none runs with this state directory, or none says anything. */
  agent: SelfReport.nullable(),
});
export type DoctorReport = z.infer<typeof DoctorReport>;

/** What was looked at on the device. Where a text stands for something, it says why that could not be had. */
export interface Examined {
  readonly nodeVersion: string;
  readonly uid: number;
  readonly state: StateExamined;
  /** Null: none was given. Else what is wrong with the file; `""` where nothing is. */
  readonly files: readonly {
    readonly flag: "--trust" | "--authors" | "--policy" | "--signed-policy" | "--creds";
    readonly file: string;
    readonly problem: string;
  }[];
  /** Whether what opens the unit's cage is what the configuration asks for; null where there is no such file, or no configuration was named. */
  readonly isCaged: boolean | null;
  /** The controllers of the kernel's control groups; null where they cannot be read. */
  readonly controllers: readonly string[] | null;
  readonly offered: readonly string[];
  readonly absent: Readonly<Record<string, string>>;
  readonly server: ServerExamined;
  readonly agent: SelfReport | null;
}

export type StateExamined =
  | { readonly _tag: "Missing"; readonly path: string }
  | { readonly _tag: "Unusable"; readonly path: string; readonly message: string }
  | {
      readonly _tag: "There";
      readonly path: string;
      readonly ownerUid: number;
      readonly mode: string;
      readonly space: Space | null;
      /** The process that works with it; null where none does. */
      readonly heldBy: number | null;
      /** 0: nothing has been accepted yet. */
      readonly generation: number;
      readonly owned: number;
      /** What reading the ledger complained of. */
      readonly complaints: readonly string[];
    };

export interface ServerExamined {
  /** Without user and password. */
  readonly name: string;
  /** Null where it answered. */
  readonly unreachable: Unreachable | null;
  /** How far the device's clock is ahead of the server's; null where the agent has told the server nothing lately. */
  readonly aheadMs: number | null;
}

/** Beyond this, certificates and signatures with a time in them begin to fail, and journals mislead. */
const MOST_AHEAD_MS = 30_000;
const NODE = [20, 19] as const;

const ok = (check: string, found: string): Finding => ({ check, level: "ok", found, next: null });
const bad = (level: "warn" | "fail", check: string, found: string, next: string): Finding => ({
  check,
  level,
  found,
  next,
});

/** What is to be said about all that was looked at, in the order in which it is best mended. */
export function judge(examined: Examined): readonly Finding[] {
  return [
    node(examined),
    user(examined),
    ...state(examined.state),
    ...files(examined),
    ...cage(examined),
    memory(examined),
    ...examined.offered.map((name) => ok(`capability ${name}`, "offered")),
    ...Object.entries(examined.absent).map(([name, reason]) => lacking(name, reason)),
    server(examined.server),
    ...clock(examined.server),
    ...running(examined),
  ];
}

function node({ nodeVersion }: Examined): Finding {
  const [major = 0, minor = 0] = nodeVersion.replace(/^v/, "").split(".").map(Number);
  return major > NODE[0] || (major === NODE[0] && minor >= NODE[1])
    ? ok("node", nodeVersion)
    : bad("fail", "node", `${nodeVersion} is too old`, `Install Node ${NODE.join(".")} or newer.`);
}

const user = ({ uid }: Examined): Finding =>
  uid === 0
    ? ok("user", "root")
    : bad(
        "warn",
        "user",
        `user ${uid}, not root`,
        "Run it as the user that the agent runs as: what another one may do says little about it.",
      );

function state(found: StateExamined): readonly Finding[] {
  const check = "state directory";
  if (found._tag === "Missing") {
    const next = "Start the agent once, which makes it, or name the agent's own with --state-dir.";
    return [bad("warn", check, `${found.path} is not there`, next)];
  }
  if (found._tag === "Unusable") {
    return [bad("fail", check, `${found.path}: ${found.message}`, "See to it that the agent may read and write it.")];
  }
  const { path, ownerUid, mode, space, heldBy, generation, owned, complaints } = found;
  const told = `${path}, mode ${mode}, owner ${ownerUid}`;
  const isOpen = !mode.endsWith("00");
  return [
    isOpen ? bad("warn", check, told, `Close it to others: chmod 700 ${path}`) : ok(check, told),
    ok("lock", heldBy === null ? "free: no agent works with it" : `held by process ${heldBy}`),
    ...(space === null ? [] : [room(space)]),
    ...complaints.map((complaint) =>
      bad(
        "warn",
        "ledger",
        complaint,
        "Nothing: the desired state and the device say the rest. If it comes again, look at the disk.",
      ),
    ),
    ok(
      "ledger",
      generation === 0 ? "no manifest accepted yet" : `generation ${generation} is in force, ${owned} things are owned`,
    ),
  ];
}

function room(space: Space): Finding {
  const free = `${Math.floor(space.freeBytes / 2 ** 20)} MiB free`;
  if (space.freeBytes >= floorOf(space)) return ok("disk", free);
  return bad(
    space.freeBytes < 2 ** 20 ? "fail" : "warn",
    "disk",
    free,
    "Make room on the file system of the state directory.",
  );
}

const files = ({ files: given }: Examined): readonly Finding[] =>
  given.map(({ flag, file, problem }) =>
    problem === ""
      ? ok(flag, `${file} can be read`)
      : bad(
          "fail",
          flag,
          problem,
          `See to it that ${file} is there, is what it should be, and that the agent may read it.`,
        ),
  );

function cage({ isCaged }: Examined): readonly Finding[] {
  if (isCaged === null) return [];
  const next = "Make it anew (harmony agent unit --write, with the same --config), reload systemd, restart the agent.";
  return isCaged
    ? [ok("unit", "allows what the configuration enables")]
    : [bad("warn", "unit", `${DROP_IN} was made of another configuration`, next)];
}

const memory = ({ controllers }: Examined): Finding =>
  controllers?.includes("memory") === true
    ? ok("memory limits", "the kernel keeps them")
    : bad(
        "warn",
        "memory limits",
        "the kernel keeps none: the memory control group is off, or not version 2",
        'On a Raspberry Pi add "cgroup_enable=memory" to the line in /boot/firmware/cmdline.txt, and reboot. Until then MemoryMax and the limits of containers have no effect.',
      );

/** What is to be done so that a device comes to offer it. */
const REMEDIES: Readonly<Record<string, string>> = {
  SystemdHost: "Boot the device with systemd 252 or newer, with dbus installed and running.",
  ContainerRuntime: "Install podman 4.4 or newer, and run the agent as root.",
  NetworkConfigurator: "Install and start NetworkManager, or use systemd-networkd.",
  PacketFilter: "Install nftables, and let the agent have CAP_NET_ADMIN.",
  PackageManager: "Use Debian or a system made from it, and run the agent as root.",
};

const lacking = (name: string, reason: string): Finding => {
  // What has to be allowed is no lack where nobody has.
  const isLeftOut = name === "AuditedShell" || reason.startsWith("not enabled on this device");
  if (isLeftOut) return ok(`capability ${name}`, reason);
  const next = REMEDIES[name] ?? "See what the reason names.";
  return bad("warn", `capability ${name}`, reason, `${next} Scores that need it are refused until then.`);
};

function server({ name, unreachable }: ServerExamined): Finding {
  if (unreachable === null) return ok("server", `${name} answers`);
  const { reason, message } = unreachable;
  const next =
    reason === "Denied"
      ? "The server refuses these credentials: the key has ended or was revoked (harmony fleet list tells), or --creds names another fleet's. harmony agent enroll, then harmony fleet accept CODE --replace, brings the device back."
      : reason === "TimedOut"
        ? "Nothing answers there: look at the network, and at firewalls on the way."
        : reason === "NoBucket"
          ? "The server is there, and nobody has shipped anything through it yet: harmony apply makes the buckets."
          : /ENOTFOUND|EAI_AGAIN/.test(message)
            ? "The name cannot be resolved: look at how it is spelt, and at the device's DNS."
            : /REFUSED/.test(message)
              ? "That machine is there, and no NATS server listens on that port: look at the port, and at the server."
              : "Look at the network, the URL, and the server's log.";
  return bad(reason === "NoBucket" ? "warn" : "fail", "server", message, next);
}

function clock({ aheadMs }: ServerExamined): readonly Finding[] {
  if (aheadMs === null) return [];
  const seconds = Math.round(Math.abs(aheadMs) / 1000);
  if (Math.abs(aheadMs) <= MOST_AHEAD_MS) return [ok("clock", "as the server's, within 30 s")];
  const found = `${seconds} s ${aheadMs > 0 ? "ahead of" : "behind"} the server's`;
  return [bad("warn", "clock", found, "Set the device's clock, or let systemd-timesyncd do it.")];
}

function running({ agent, state: found }: Examined): readonly Finding[] {
  // Whether one runs is told by its lock there.
  if (found._tag !== "There") return [];
  const { heldBy } = found;
  if (heldBy === null) {
    return [bad("warn", "agent", "not running", "Start it: systemctl start harmony-agent, or harmony agent run.")];
  }
  if (agent === null) return [ok("agent", `runs as process ${heldBy}, and tells nothing of itself here`)];
  const { generation, observedGeneration, isConnected, conditions, stalls, key } = agent;
  return [
    ok(
      "agent",
      `runs as process ${heldBy}, generation ${generation}, carried through ${observedGeneration}, ${isConnected ? "connected" : "offline"}`,
    ),
    ...(key === undefined ? [] : [keyFinding(key)]),
    ...stalls.map((stall) =>
      bad(
        "fail",
        "agent",
        `hangs: ${stall}`,
        "With WatchdogSec in its unit systemd starts it anew; else: systemctl restart harmony-agent.",
      ),
    ),
    ...conditions.map(condition),
  ];
}

function keyFinding({ renewal, notAfter, message }: KeyReport): Finding {
  const told = notAfter === null ? message : `ends at ${notAfter}: ${message}`;
  if (renewal !== "off" && renewal !== "failing") return ok("key", told);
  const next =
    renewal === "off"
      ? "Where the key has an end, enrol the device anew before it (harmony fleet list tells); or have harmony fleet serve run the server."
      : "The agent tries again by itself; look at its log, and at the server's.";
  return bad("warn", "key", told, next);
}

const WELL_IF_TRUE: ReadonlySet<string> = new Set(["Ready", "Accepted"]);
const NEXT: Readonly<Partial<Record<Condition["type"], string>>> = {
  Fenced: "Two machines have one id: give one of them another, then restart this agent.",
  Offline: "Look at the network, the server and the credentials; what is in force goes on.",
  DiskPressure: "Make room on the file system of the state directory, or mend it.",
  Contested: "Look for what else writes there.",
};

function condition({ type, status, reason, message, since }: Condition): Finding {
  const check = `condition ${type}`;
  const told = `${status} (${reason}) since ${since}: ${message}`;
  const isWell = type === "Reconciling" || status === (WELL_IF_TRUE.has(type) ? "True" : "False");
  if (isWell) return ok(check, told);
  const fails = type === "Fenced" || (type === "DiskPressure" && reason !== "LowSpace");
  return bad(
    fails ? "fail" : "warn",
    check,
    told,
    NEXT[type] ?? "harmony status tells which Score it is, and what to do.",
  );
}

/** One line a finding, and one for what to do about it. */
export function doctorText({ findings, isWell }: DoctorReport): string {
  const width = Math.max(...findings.map(({ check }) => check.length));
  const lines = findings.flatMap(({ check, level, found, next }) => [
    `${level.padEnd(4)}  ${check.padEnd(width)}  ${printable(found)}`,
    ...(next === null ? [] : [`${" ".repeat(width + 8)}-> ${printable(next)}`]),
  ]);
  const count = findings.filter(({ level }) => level !== "ok").length;
  return `${lines.join("\n")}\n\n${isWell ? (count === 0 ? "all is well" : "nothing fails; see the warnings") : "something fails"}\n`;
}

/** What was read from files or a server must not steer the terminal. */
// eslint-disable-next-line no-control-regex
const printable = (text: string): string => text.replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, "\ufffd");
