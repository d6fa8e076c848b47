import * as z from "zod";
import { PortError } from "../../capabilities/port-error.ts";
import { answered } from "./bus-answer.ts";
import { type BusCall, DBusError, SystemBus } from "./system-bus.ts";

const PROPERTIES = "org.freedesktop.DBus.Properties";

/** Calls to one service on the system bus which may not be there, and which no call may start. */
export class NetworkBus {
  readonly #service: string;
  readonly #root: Pick<BusCall, "path" | "interface">;
  readonly #bus: SystemBus;
  /** Of the bus itself, which alone can tell whether a service runs without starting it. */
  readonly #registry: SystemBus;

  /** `root`: the object of the service that stands for all of it. */
  constructor(service: string, root: Pick<BusCall, "path" | "interface">, address?: string) {
    const deaf = { address, onSignal: () => undefined, onConnected: () => undefined };
    this.#service = service;
    this.#root = root;
    this.#bus = new SystemBus({ destination: service, ...deaf });
    this.#registry = new SystemBus({ destination: "org.freedesktop.DBus", ...deaf });
  }

  async runs(signal: AbortSignal): Promise<boolean> {
    const call = { path: "/org/freedesktop/DBus", interface: "org.freedesktop.DBus", member: "NameHasOwner" };
    try {
      const answer = await this.#registry.call({ ...call, signature: "s", body: [this.#service] }, signal);
      return answered(z.boolean(), answer, `Asking whether ${this.#service} runs`);
    } catch (error) {
      // Without a bus none of its services runs.
      if (error instanceof DBusError && !signal.aborted) return false;
      throw asPortError(error, `Asking whether ${this.#service} runs`);
    }
  }

  /** @throws PortError; `doing` begins its sentence */
  async call(call: BusCall, doing: string, signal: AbortSignal): Promise<unknown> {
    try {
      return await this.#bus.call(call, signal);
    } catch (error) {
      throw asPortError(error, doing);
    }
  }

  /** A call to the service's root object. @throws PortError; `doing` begins its sentence */
  ask(
    member: string,
    signature: string,
    body: readonly unknown[],
    doing: string,
    signal: AbortSignal,
  ): Promise<unknown> {
    return this.call({ ...this.#root, member, ...(signature === "" ? {} : { signature, body }) }, doing, signal);
  }

  async get<T>(path: string, of: string, property: string, schema: z.ZodType<T>, signal: AbortSignal): Promise<T> {
    const call = { path, interface: PROPERTIES, member: "Get", signature: "ss", body: [of, property] };
    const doing = `Reading ${property} of ${path}`;
    return answered(schema, await this.call(call, doing, signal), doing);
  }

  close(): void {
    this.#bus.close();
    this.#registry.close();
  }
}

/** The D-Bus name of what caused a PortError; empty where it was something else. */
export const busNameOf = (error: unknown): string =>
  error instanceof PortError && error.cause instanceof DBusError ? (error.cause.dbusName ?? "") : "";

function asPortError(error: unknown, doing: string): unknown {
  if (!(error instanceof DBusError)) return error;
  const name = error.dbusName ?? "";
  const isLate = /NoReply|Timeout/.test(name);
  const isDenied = /AccessDenied|InteractiveAuthorizationRequired|PermissionDenied/.test(name);
  return new PortError(
    {
      code: isDenied
        ? "NotPermitted"
        : isLate
          ? "TimedOut"
          : /ServiceUnknown|Disconnected/.test(name)
            ? "Unavailable"
            : "Failed",
      blame: "device",
      message: `${doing} failed: ${error.message.replace(/\.$/, "")}.`,
      next: isDenied
        ? "Run the agent as root, or give its user the right to configure the network."
        : "Read the service's own log: journalctl --unit NetworkManager --unit systemd-networkd --lines 50.",
    },
    { cause: error },
  );
}
