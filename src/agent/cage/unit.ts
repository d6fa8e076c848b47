import { type CapabilityName, type Need, NEEDS, SOCKETS, TASKS } from "./needs.ts";

/** Where the package keeps the agent's own configuration and key; no Score may write there. */
export const CONFIGURATION = "/etc/harmony-edge";
export const UNIT = "harmony-agent.service";
/** What opens the cage of the package's unit for what this device's configuration enables. */
export const DROP_IN = `/etc/systemd/system/${UNIT}.d/20-cage.conf`;

export interface Caged {
  readonly capabilities: readonly CapabilityName[];
  /** Absolute paths below which Scores may write; null: anywhere. */
  readonly paths: readonly string[] | null;
  /** Its credentials, without which it has nothing to start for; null: it needs none. */
  readonly creds: string | null;
  /** Where its ledger is; null: where the unit has it made. */
  readonly stateDir: string | null;
  /** Where its assets are; null: in the state directory. */
  readonly cacheDir?: string | null;
}

/** What the agent itself needs. It keeps all rights of root from it, every folder but its own, and all that nobody uses. */
const ALONE = `NoNewPrivileges=yes
CapabilityBoundingSet=
ProtectSystem=strict
# Empty, and not closed: podman looks there for its configuration, and goes by nothing else where it may not.
ProtectHome=tmpfs
PrivateTmp=yes
PrivateDevices=yes
PrivateMounts=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@keyring @memlock @setuid
# Without it Debian's Node 20 is killed for a call that it can do without. MemoryDenyWriteExecute would kill every Node.
SystemCallErrorNumber=EPERM
# Who may speak to them can have anything done outside of this cage.
InaccessiblePaths=${Object.values(SOCKETS)
  .map((path) => `-${path}`)
  .join(" ")}
# Its configuration, its key and this cage are the device's own, whatever else may be written.
ReadOnlyPaths=-${CONFIGURATION} -/etc/systemd/system/${UNIT}.d
# A dump of its memory would hold the secrets that are being worked with.
LimitCORE=0
TasksMax=${TASKS}
# Reclaimed from above the first; killed and started anew above the second.
MemoryHigh=256M
MemoryMax=384M
`;

/**
 * For the allocator of the C library, which otherwise keeps what Node gives back, in several places at once: 8 to 16 MiB of
 * a board with 512. It reads them at the start of the process alone, so the agent cannot see to it by itself.
 */
export const ALLOCATOR: Readonly<Record<string, string>> = {
  MALLOC_ARENA_MAX: "1",
  MALLOC_MMAP_THRESHOLD_: "131072",
  MALLOC_TRIM_THRESHOLD_: "131072",
};
/** As a unit sets them. */
export const ENVIRONMENT = Object.entries(ALLOCATOR)
  .map(([name, value]) => `${name}=${value}`)
  .join(" ");

/** The whole unit of an agent that is started with these words. */
export const unitText = (command: string, caged: Caged): string => `[Unit]
Description=Harmony Edge agent
Wants=network-online.target
After=network-online.target
# However often it fails, it is started again: nobody is there to do so.
StartLimitIntervalSec=0
${condition(caged)}
[Service]
Type=notify
NotifyAccess=all
# Opened for the agent, since Node cannot; systemd before 253 does without it.
OpenFile=/run/systemd/notify:notify
# So long without a sign of life, and systemd starts it anew.
WatchdogSec=3min
TimeoutStartSec=90
# Memory that is not needed any more goes back to the system.
Environment=${ENVIRONMENT}
ExecStart=${command}
Restart=always
RestartSec=5
# The second one holds what services are handed.
StateDirectory=harmony-edge/agent harmony-edge/credentials
StateDirectoryMode=0700
# What it has to know of this boot, also after it was started anew.
RuntimeDirectory=harmony-edge
RuntimeDirectoryPreserve=yes

${ALONE}${opening(caged)}
[Install]
WantedBy=multi-user.target
`;

/** What is to be added to a unit of an agent that offers nothing. */
export const dropInText = (caged: Caged): string =>
  `# Made by "harmony agent unit --write" from the device's configuration, and made anew by it. To change it, change that.
[Unit]
ConditionPathExists=
${condition(caged)}
[Service]${opening(caged)}`;

/** A device that was not enrolled yet has nothing to start. */
const condition = ({ creds }: Caged): string =>
  creds === null ? "" : `ConditionPathExists=${creds.replaceAll("%", "%%")}\n`;

/** Settings that are lists add to what is there; the others take its place. */
function opening({ capabilities, paths, stateDir, cacheDir = null }: Caged): string {
  const needs = (Object.entries(NEEDS) satisfies [string, Need][]).filter(([name]) =>
    capabilities.some((each) => each === name),
  );
  const parts = needs.map(([name, need]) => [`\n# ${name}: ${need.why}`, ...own(need, paths)].join("\n"));
  const shown = new Set(needs.flatMap(([, { speaksTo = [] }]) => speaksTo));
  const hidden = Object.entries(SOCKETS).filter(([socket]) => ![...shown].some((each) => each === socket));
  const all = [
    ...[stateDir, cacheDir].flatMap((each) => (each === null ? [] : [`ReadWritePaths=${quoted(each)}`])),
    ...(shown.size === 0 ? [] : ["InaccessiblePaths="]),
    ...(shown.size === 0 || hidden.length === 0
      ? []
      : [`InaccessiblePaths=${hidden.map(([, path]) => `-${path}`).join(" ")}`]),
    ...(needs.some(([, { seesAll }]) => seesAll) ? ["ProtectHome=no", "PrivateTmp=no"] : []),
    ...(needs.some(([, { setsIds }]) => setsIds) ? ["RestrictSUIDSGID=no"] : []),
  ];
  const tasks = Math.max(TASKS, ...needs.map(([, each]) => each.tasks ?? TASKS));
  if (tasks !== TASKS) all.push(`TasksMax=${tasks}`);
  return `${[...parts, ...(all.length === 0 ? [] : ["\n# Of all of it."]), ...all].join("\n")}\n`;
}

function own(need: Need, paths: Caged["paths"]): readonly string[] {
  const { rights = [], writes = [], makes = [], families = [], calls = [] } = need;
  const written = writes === "scores" ? (paths ?? ["/"]) : writes;
  return [
    ...setting("CapabilityBoundingSet", rights),
    ...setting("ReadWritePaths", written.map(quoted)),
    ...setting("ConfigurationDirectory", makes),
    ...setting("RestrictAddressFamilies", families),
    ...setting("SystemCallFilter", calls),
  ];
}

const setting = (name: string, words: readonly string[]): readonly string[] =>
  words.length === 0 ? [] : [`${name}=${words.join(" ")}`];

/** A folder that is not there is no reason not to start; `%` begins a specifier. */
const quoted = (path: string): string => {
  const plain = `-${path.replaceAll("%", "%%")}`;
  return /^[\w@%+,./:-]+$/.test(plain) ? plain : `"${plain.replaceAll(/["\\]/g, String.raw`\$&`)}"`;
};
