import type { PiWithAuditedShellTopology } from "../../topology/pi-with-audited-shell.ts";

/** The capabilities that a device's own configuration can enable, by name. */
export type CapabilityName = (typeof PiWithAuditedShellTopology)["offers"][number]["name"];

/** What one capability needs of the operating system, beyond what the agent needs for itself. Nothing else is opened for it. */
export interface Need {
  /** A sentence for whoever reads the unit. */
  readonly why: string;
  /** Linux capabilities, see capabilities(7). */
  readonly rights?: readonly string[];
  /** What it writes; `scores`: wherever this device lets Scores write. A folder that is not there is left out. */
  readonly writes?: "scores" | readonly string[];
  /** Folders in /etc that are made where they are missing, and written. */
  readonly makes?: readonly string[];
  readonly families?: readonly string[];
  /** Groups of system calls, see systemd.exec(5). */
  readonly calls?: readonly string[];
  /** Sockets that are hidden from an agent without it: whoever may speak there can have anything done. */
  readonly speaksTo?: readonly Socket[];
  /** Whether it has to see /home and /tmp as everybody else does. */
  readonly seesAll?: true;
  /** Whether it may make files that run with another user's or group's rights. */
  readonly setsIds?: true;
  /** How many processes and threads there may be. Default: {@link TASKS}. */
  readonly tasks?: number;
}

/** Where other programs with all rights listen. */
export const SOCKETS = {
  bus: "/run/dbus",
  systemd: "/run/systemd/private",
  podman: "/run/podman",
} as const;
export type Socket = keyof typeof SOCKETS;

export const TASKS = 128;

const SYSTEMD = ["bus", "systemd"] as const;

/** One declaration for each capability; to forget one is a compile error. */
export const NEEDS: Readonly<Record<CapabilityName, Need>> = {
  FileSystemHost: {
    why: "Files with owners and modes of their own, wherever Scores may write here.",
    rights: ["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID"],
    writes: "scores",
    seesAll: true,
    setsIds: true,
  },
  SystemdHost: {
    // systemd-analyze, which tries a unit before it is put in place, works in /tmp.
    why: "Unit files, and jobs over the bus. Commands that probe a service run as its user.",
    rights: ["CAP_KILL", "CAP_SETGID", "CAP_SETUID"],
    writes: ["/etc/systemd/system", "/tmp"],
    calls: ["@setuid"],
    speaksTo: SYSTEMD,
  },
  ContainerRuntime: {
    why: "Quadlet files; pulls and containers run in podman's own services.",
    makes: ["containers/systemd"],
    speaksTo: [...SYSTEMD, "podman"],
  },
  NetworkConfigurator: {
    why: "Links and profiles of NetworkManager or systemd-networkd.",
    rights: ["CAP_NET_ADMIN"],
    writes: ["/etc/NetworkManager/system-connections", "/etc/systemd/network"],
    families: ["AF_NETLINK"],
    speaksTo: SYSTEMD,
  },
  PacketFilter: {
    why: "The kernel's packet filter, by nft.",
    rights: ["CAP_NET_ADMIN"],
    families: ["AF_NETLINK"],
  },
  PackageManager: {
    why: "apt and dpkg change the system in a unit of their own, which nothing here restricts.",
    speaksTo: SYSTEMD,
  },
  AuditedShell: {
    why: "Commands run as any user and are ended wherever they went; all else here holds for them too.",
    rights: ["CAP_DAC_READ_SEARCH", "CAP_KILL", "CAP_SETGID", "CAP_SETUID", "CAP_SYS_PTRACE"],
    writes: "scores",
    calls: ["@setuid"],
    seesAll: true,
    tasks: 512,
  },
};
