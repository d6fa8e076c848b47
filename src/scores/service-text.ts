import * as z from "zod";
import type { ResourceController } from "../capabilities/systemd-host.ts";
import { argument, assignment, type Directive, plain, quotedPath, unitText } from "./unit-text.ts";

/** What a service may use. */
export const Limits = z.strictObject({
  /** Bytes, from 1 MiB; above it the kernel ends a process of the service. Refused on a device that cannot limit memory. */
  memoryMax: z.int().min(1_048_576).optional(),
  /** Percent of one processor; 200 is two whole ones. */
  cpuPercent: z.int().min(1).max(10_000).optional(),
  /** Processes and threads together. */
  tasksMax: z.int().min(1).max(1_000_000).optional(),
  /** Files that one process may have open. */
  openFiles: z.int().min(16).max(1_048_576).optional(),
});
type Limits = Readonly<z.infer<typeof Limits>>;

/** The controllers without which these limits would silently not hold. */
export const neededBy = ({ memoryMax, cpuPercent, tasksMax }: Limits): readonly ResourceController[] => [
  ...(memoryMax === undefined ? [] : (["memory"] as const)),
  ...(cpuPercent === undefined ? [] : (["cpu"] as const)),
  ...(tasksMax === undefined ? [] : (["pids"] as const)),
];

/** A service as its Score describes it. */
export interface ServiceDescription {
  readonly name: string;
  readonly description?: string | undefined;
  readonly exec: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly user?: string | undefined;
  readonly group?: string | undefined;
  readonly workingDirectory?: string | undefined;
  readonly type: "exec" | "notify" | "oneshot";
  readonly run: "always" | "when-asked";
  readonly restart?: "always" | "on-failure" | "no" | undefined;
  readonly restartSeconds: number;
  readonly after: readonly string[];
  readonly wants: readonly string[];
  readonly requires: readonly string[];
  readonly hardening: "none" | "standard" | "strict";
  readonly writablePaths: readonly string[];
  readonly limits: Limits;
  readonly readiness?: { readonly type: string; readonly startPeriodSeconds?: number } | undefined;
  readonly liveness?: { readonly type: string; readonly timeoutSeconds?: number } | undefined;
  /** The lines that name its credentials. */
  readonly credentialLines?: readonly Directive[];
}

const STANDARD: readonly Directive[] = [
  ["NoNewPrivileges", "yes"],
  ["ProtectSystem", "full"],
  ["PrivateTmp", "yes"],
  ["ProtectKernelTunables", "yes"],
  ["ProtectKernelModules", "yes"],
  ["ProtectControlGroups", "yes"],
  ["RestrictSUIDSGID", "yes"],
  ["RestrictRealtime", "yes"],
  ["LockPersonality", "yes"],
];

/** No MemoryDenyWriteExecute: programs that compile while they run (Node, Java) die of it. */
const STRICT: readonly Directive[] = [
  ...STANDARD.filter(([name]) => name !== "ProtectSystem"),
  ["ProtectSystem", "strict"],
  ["ProtectHome", "yes"],
  ["PrivateDevices", "yes"],
  ["ProtectClock", "yes"],
  ["ProtectHostname", "yes"],
  ["ProtectKernelLogs", "yes"],
  ["RestrictNamespaces", "yes"],
  ["RestrictAddressFamilies", "AF_UNIX AF_INET AF_INET6 AF_NETLINK"],
  ["CapabilityBoundingSet", ""],
  ["SystemCallArchitectures", "native"],
  ["SystemCallFilter", "@system-service"],
  // A call that is refused is told so; by default the process is killed.
  ["SystemCallErrorNumber", "EPERM"],
];

const HARDENING = { none: [], standard: STANDARD, strict: STRICT } as const;

const optional = (name: string, value: string | number | undefined): readonly Directive[] =>
  value === undefined ? [] : [[name, String(value)]];
const seconds = (name: string, value: number | undefined): readonly Directive[] =>
  value === undefined ? [] : [[name, `${value}s`]];
const list = (name: string, values: readonly string[]): readonly Directive[] =>
  values.length === 0 ? [] : [[name, values.map((value) => plain(value)).join(" ")]];

/** The unit file of a service. The same description has the same text, for the text is what decides whether it changed. */
export function serviceText(wanted: ServiceDescription): string {
  const { name, description = name, exec, environment, limits, readiness, liveness } = wanted;
  const type = readiness?.type === "notify" ? "notify" : wanted.type;
  const restart = wanted.restart ?? (type === "oneshot" ? "no" : "always");
  return unitText([
    [
      "Unit",
      [
        ["Description", plain(description)],
        ...list("After", wanted.after),
        ...list("Wants", wanted.wants),
        ...list("Requires", wanted.requires),
      ],
    ],
    [
      "Service",
      [
        ["Type", type],
        // A timer could not start it a second time while it counts as running.
        ...(type === "oneshot" && wanted.run === "always" ? [["RemainAfterExit", "yes"] as const] : []),
        ["ExecStart", exec.map(argument).join(" ")],
        ...Object.keys(environment)
          .toSorted()
          .map((key) => ["Environment", assignment(key, environment[key] ?? "")] as const),
        ...optional("User", wanted.user),
        ...optional("Group", wanted.group),
        ...optional(
          "WorkingDirectory",
          wanted.workingDirectory === undefined ? undefined : plain(wanted.workingDirectory),
        ),
        ["Restart", restart],
        ["RestartSec", `${wanted.restartSeconds}s`],
        ...seconds("TimeoutStartSec", readiness?.type === "notify" ? readiness.startPeriodSeconds : undefined),
        ...seconds("WatchdogSec", liveness?.type === "notify" ? liveness.timeoutSeconds : undefined),
        ...optional("MemoryMax", limits.memoryMax),
        ...optional("CPUQuota", limits.cpuPercent === undefined ? undefined : `${limits.cpuPercent}%`),
        ...optional("TasksMax", limits.tasksMax),
        ...optional("LimitNOFILE", limits.openFiles),
        ...(wanted.credentialLines ?? []),
        ...HARDENING[wanted.hardening],
        ...(wanted.writablePaths.length === 0
          ? []
          : [["ReadWritePaths", wanted.writablePaths.map(quotedPath).join(" ")] as const]),
      ],
    ],
    ["Install", [["WantedBy", "multi-user.target"]]],
  ]);
}
