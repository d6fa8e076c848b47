import { write } from "node:fs";
import type { ServiceManager } from "../service-manager.ts";
import { runCommand } from "./command.ts";

/** As the unit calls the socket that it opens for the agent: `OpenFile=/run/systemd/notify:notify`. */
const NAME = "notify";
/** See sd_listen_fds(3). */
const FIRST_FD = 3;
const PROGRAM_MS = 5_000;

/** Sends one message; whether that worked. */
type Send = (message: string) => Promise<boolean>;

export interface NotifyOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly pid: number;
  /** Default: `systemd-notify`. */
  readonly program?: Send;
}

/**
 * systemd, told as sd_notify(3) has it. Node cannot open a datagram socket of this sort, but it can write to one: where
 * the unit has systemd open it (`OpenFile`, 253 and newer), a sign of life is one system call. Elsewhere the program
 * `systemd-notify` is started for each.
 */
export function systemdNotify({ env, pid, program }: NotifyOptions): ServiceManager {
  const socket = env["NOTIFY_SOCKET"] ?? "";
  if (socket === "") return { watchdogMs: null, tell: () => {} };
  const byProgram = program ?? startProgram(socket);
  const fd = inherited(env, pid);
  let send: Send = fd === null ? byProgram : (message) => sent(fd, message);
  let waiting: Record<string, string> | null = null;
  let isSending = false;

  const next = async (): Promise<void> => {
    while (waiting !== null) {
      const message = Object.entries(waiting)
        .map(([key, value]) => `${key}=${value.replaceAll("\n", " ")}`)
        .join("\n");
      waiting = null;
      if (!(await send(message)) && send !== byProgram) {
        send = byProgram;
        await send(message);
      }
    }
    isSending = false;
  };
  return {
    watchdogMs: watchdogMs(env, pid),
    tell(state) {
      waiting = { ...waiting, ...state };
      if (isSending) return;
      isSending = true;
      void next();
    },
  };
}

/** See sd_watchdog_enabled(3). */
function watchdogMs(env: NotifyOptions["env"], pid: number): number | null {
  const ms = Number(env["WATCHDOG_USEC"]) / 1000;
  const isMine = (env["WATCHDOG_PID"] ?? String(pid)) === String(pid);
  return isMine && ms > 0 ? ms : null;
}

function inherited(env: NotifyOptions["env"], pid: number): number | null {
  if (env["LISTEN_PID"] !== String(pid)) return null;
  const at = (env["LISTEN_FDNAMES"] ?? "").split(":").indexOf(NAME);
  return at === -1 ? null : FIRST_FD + at;
}

/** Not the blocking call: a manager that does not read must not hold up the agent. */
const sent = (fd: number, message: string): Promise<boolean> =>
  new Promise((resolve) => write(fd, message, (error) => resolve(error === null)));

const startProgram =
  (socket: string): Send =>
  async (message) => {
    const ran = await runCommand({
      argv: ["systemd-notify", ...message.split("\n")],
      env: { NOTIFY_SOCKET: socket },
      signal: new AbortController().signal,
      timeoutMs: PROGRAM_MS,
    });
    return ran._tag === "Ended" && ran.code === 0;
  };
