import { type Blame, PortError, type PortErrorCode } from "../../capabilities/port-error.ts";
import { DBusError } from "./system-bus.ts";

interface Meaning {
  readonly code: PortErrorCode;
  readonly blame: Blame;
  readonly next: string;
}

const notFound: Meaning = {
  code: "NotFound",
  blame: "author",
  next: "Correct the unit's name, or install what brings it.",
};
const notPermitted: Meaning = {
  code: "NotPermitted",
  blame: "device",
  next: "Run the agent as root, or give its user the right to manage units.",
};
const obstructed: Meaning = {
  code: "Obstructed",
  blame: "device",
  next: "Look at the unit's files in /etc/systemd/system, and move away what is in the way.",
};
const unavailable: Meaning = {
  code: "Unavailable",
  blame: "device",
  next: "Check that systemd and the system bus run: systemctl status dbus.",
};
const late: Meaning = {
  code: "TimedOut",
  blame: "device",
  next: "Look at what systemd is doing: systemctl list-jobs.",
};
const failed: Meaning = {
  code: "Failed",
  blame: "device",
  next: "Read systemd's own log: journalctl _PID=1 --lines 50.",
};

const meanings: ReadonlyMap<string, Meaning> = new Map([
  ["org.freedesktop.systemd1.NoSuchUnit", notFound],
  ["org.freedesktop.DBus.Error.FileNotFound", notFound],
  ["org.freedesktop.systemd1.UnitMasked", obstructed],
  ["org.freedesktop.systemd1.UnitExists", obstructed],
  ["org.freedesktop.DBus.Error.FileExists", obstructed],
  ["org.freedesktop.DBus.Error.AccessDenied", notPermitted],
  ["org.freedesktop.DBus.Error.InteractiveAuthorizationRequired", notPermitted],
  ["org.freedesktop.DBus.Error.NoReply", late],
  ["org.freedesktop.DBus.Error.Timeout", late],
  ["org.freedesktop.DBus.Error.Disconnected", unavailable],
  ["org.freedesktop.DBus.Error.ServiceUnknown", unavailable],
  ["org.freedesktop.DBus.Error.NameHasNoOwner", unavailable],
]);

/** The D-Bus name of an error; undefined for anything else. */
export const busNameOf = (error: unknown): string | undefined =>
  error instanceof DBusError ? error.dbusName : undefined;

export const isNotFound = (error: unknown): boolean => meanings.get(busNameOf(error) ?? "") === notFound;

/** Whether what stands in the place of a unit file cannot be read as one: a directory, a circle of links, a broken text. */
export const isNoFile = (error: unknown): boolean =>
  /^(System\.Error\.E(ISDIR|LOOP|NOTDIR|NOENT|INVAL|BADMSG)|org\.freedesktop\.DBus\.Error\.(InvalidArgs|InconsistentMessage))$/.test(
    busNameOf(error) ?? "",
  );

/** Puts an error of the bus into the port's words. Anything else comes back as it is, since it is a bug. */
export function asPortError(error: unknown, doing: string): unknown {
  if (!(error instanceof DBusError)) return error;
  const { code, blame, next } = meanings.get(busNameOf(error) ?? "") ?? failed;
  return new PortError(
    { code, blame, message: `${doing} failed: ${error.message.replace(/\.$/, "")}.`, next },
    { cause: error },
  );
}

export const jobFailed = (unit: string, doing: string, how: string): PortError =>
  new PortError({
    code: "Failed",
    blame: "author",
    message: `${doing} ${unit} failed: ${how}.`,
    next: `Read why: journalctl --unit ${unit} --lines 50.`,
  });

export const gaveUp = (doing: string, next: string): PortError =>
  new PortError({ code: "TimedOut", blame: "device", message: `${doing} was not done in time.`, next });
