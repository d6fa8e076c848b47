import { createClient, DBusError, type MessageBus } from "dbus-native";
import { Socket } from "node:net";
import * as z from "zod";
import { PortError } from "../../capabilities/port-error.ts";
import { refuseEmptyStructs } from "./bus-parser.ts";
import { safeParse } from "../../wire/safe-parse.ts";

/** One method call on the bus. */
export interface BusCall {
  readonly path: string;
  readonly interface: string;
  readonly member: string;
  /** The D-Bus signature of `body`. */
  readonly signature?: string;
  readonly body?: readonly unknown[];
  /** Milliseconds until it is given up. Default 10,000. */
  readonly timeoutMs?: number;
}

export interface BusSignal {
  readonly path: string;
  readonly interface: string;
  readonly member: string;
  readonly body: readonly unknown[];
}

export { DBusError };

refuseEmptyStructs();

const SYSTEM_BUS = "unix:path=/run/dbus/system_bus_socket";
const CALL_MS = 10_000;
const RECONNECT_MS = 500;
const SIGNAL = 4;
/** Of one message. What systemd tells of 2000 units is 1 MiB; a bus lets through 32, and a peer may fill them. */
const MESSAGE_LIMIT_BYTES = 8 * 1024 * 1024;
/** Of all that a bus says before it has taken this client. */
const GREETING_LIMIT_BYTES = 16 * 1024;

const Message = z.object({
  type: z.number(),
  path: z.string().optional(),
  interface: z.string().optional(),
  member: z.string().optional(),
  body: z.array(z.unknown()).optional(),
});

/**
 * A connection to the system bus, made at the first call and made again when it is lost. What was matched before is
 * matched again then, and `onConnected` is told: whatever came in between was missed.
 */
export class SystemBus {
  readonly #destination: string;
  readonly #address: string;
  readonly #onSignal: (signal: BusSignal) => void;
  readonly #onConnected: () => void;
  readonly #matches = new Map<string, number>();
  /** The rules that the present connection has asked for, and was not refused. */
  #live = new Set<string>();
  #client: MessageBus | null = null;
  #retry: NodeJS.Timeout | null = null;
  #isClosed = false;

  constructor(options: {
    /** The bus name of the peer. */
    readonly destination: string;
    readonly address?: string | undefined;
    readonly onSignal: (signal: BusSignal) => void;
    /** A new connection is there, the matches are on their way. */
    readonly onConnected: () => void;
  }) {
    this.#destination = options.destination;
    this.#address = options.address ?? SYSTEM_BUS;
    this.#onSignal = options.onSignal;
    this.#onConnected = options.onConnected;
  }

  /**
   * The reply's values: the value itself where it is one, an array where there are several.
   * @throws DBusError, also when the bus cannot be reached, the call takes too long or the signal fires
   */
  async call({ timeoutMs = CALL_MS, body = [], signature, ...call }: BusCall, signal?: AbortSignal): Promise<unknown> {
    const message = {
      ...call,
      destination: this.#destination,
      ...(signature === undefined ? {} : { signature, body: [...body] }),
    };
    const answer: unknown = await this.#connected().invoke(message, {
      timeout: timeoutMs,
      ...(signal === undefined ? {} : { signal }),
    });
    return answer;
  }

  /** Has these signals sent to this connection from now on, and after each reconnection; returns the way to stop. */
  match(rule: string): () => void {
    const already = this.#matches.get(rule) ?? 0;
    this.#matches.set(rule, already + 1);
    // A new connection asks for all of them itself.
    if (already === 0 && this.#client !== null) this.#ask(this.#client, "AddMatch", rule);
    else this.#connected();
    let isOver = false;
    return () => {
      if (isOver) return;
      isOver = true;
      const left = (this.#matches.get(rule) ?? 1) - 1;
      if (left > 0) this.#matches.set(rule, left);
      else {
        this.#matches.delete(rule);
        if (this.#client !== null) this.#ask(this.#client, "RemoveMatch", rule);
      }
    };
  }

  /**
   * Whether whatever is asked of the bus from now on is asked after these signals began to be sent: nothing that is
   * answered then can become old without one of them. It ends with the connection.
   */
  isLive(rule: string): boolean {
    return this.#live.has(rule);
  }

  close(): void {
    this.#isClosed = true;
    if (this.#retry !== null) clearTimeout(this.#retry);
    this.#client?.connection.end();
    this.#client = null;
  }

  #connected(): MessageBus {
    if (this.#isClosed) throw closed();
    if (this.#client !== null) return this.#client;
    // The library's own greeting throws where nobody can catch it when the bus refuses, or does not answer.
    const client = createClient({ busAddress: this.#address, direct: true, maxMessageSize: MESSAGE_LIMIT_BYTES });
    this.#client = client;
    const lost = (): void => this.#lost(client);
    // Without a listener either would end the process; the calls that are under way fail by themselves. The second one tells
    // of a message that cannot be handled.
    client.connection.on("error", lost);
    client.connection.on("handlerError", lost);
    client.connection.on("close", lost);
    client.connection.on("message", (message: unknown) => this.#heard(message));
    this.#greet(client, lost);
    for (const rule of this.#matches.keys()) this.#ask(client, "AddMatch", rule);
    this.#onConnected();
    return client;
  }

  /** A bus wants to be greeted first; one that does not answer that is no bus. */
  #greet(client: MessageBus, lost: () => void): void {
    const { connection } = client;
    const { stream } = connection;
    const tooMuch = (): void => {
      if (stream instanceof Socket && stream.bytesRead > GREETING_LIMIT_BYTES) lost();
    };
    stream.on("readable", tooMuch);
    connection.on("connect", () => stream.off("readable", tooMuch));
    client.invokeDbus({ member: "Hello" }, { timeout: CALL_MS }).then(() => {}, lost);
  }

  #heard(message: unknown): void {
    const parsed = safeParse(Message, message);
    if (!parsed.success || parsed.data.type !== SIGNAL) return;
    const { path = "", interface: of = "", member = "", body = [] } = parsed.data;
    this.#onSignal({ path, interface: of, member, body });
  }

  #lost(client: MessageBus): void {
    if (this.#client !== client) return;
    this.#client = null;
    this.#live = new Set();
    // At once: whoever is at the other end may go on talking.
    client.connection.stream.destroy();
    if (this.#isClosed || this.#matches.size === 0 || this.#retry !== null) return;
    this.#retry = setTimeout(() => {
      this.#retry = null;
      if (!this.#isClosed) this.#connected();
    }, RECONNECT_MS);
    this.#retry.unref();
  }

  #ask(client: MessageBus, member: "AddMatch" | "RemoveMatch", rule: string): void {
    const live = this.#live;
    if (member === "AddMatch") live.add(rule);
    else live.delete(rule);
    // One that is lost with its connection is asked for again by the next one; a bus takes some hundreds of one client.
    client.invokeDbus({ member, signature: "s", body: [rule] }).then(
      () => {},
      () => live.delete(rule),
    );
  }
}

const closed = (): PortError =>
  new PortError({
    code: "Unavailable",
    blame: "platform",
    message: "The agent has let go of the system bus.",
    next: "Nothing: it is stopping.",
  });
