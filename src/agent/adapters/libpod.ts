import http from "node:http";
import { pipeline, Readable } from "node:stream";
import * as z from "zod";
import { PortError } from "../../capabilities/port-error.ts";
import { measure } from "../../wire/scan.ts";
import { jsonIn } from "./json-text.ts";
import { safeParse } from "../../wire/safe-parse.ts";

const SOCKET = "/run/podman/podman.sock";
/** Understood by every podman since 4.4, which has Quadlet. */
const API = "/v4.4.0/libpod";
const CALL_MS = 30_000;
/** A list of all images of a device is some 100 KiB. */
const ANSWER_LIMIT_BYTES = 16 * 1024 * 1024;
/** An image has some fifty values. As JSON, 16 MiB could take 400 of memory. */
const ANSWER_LIMITS = { depth: 64, values: 500_000 };
/** Of what podman says against something: it travels in a status. */
const SAID_LIMIT = 1000;

/** Asked for anew at each attempt. */
type Pieces = () => AsyncIterable<Uint8Array>;
type Body = Uint8Array | Pieces;

export interface Answer {
  readonly status: number;
  /** Undefined where it was no JSON. */
  readonly body: unknown;
}

/**
 * Podman's own API, on demand: systemd starts it at a call, and it ends by itself after some seconds without one. It is no
 * part of what keeps containers running.
 */
export class Libpod {
  readonly #socket: string;
  readonly #open: (signal: AbortSignal) => Promise<void>;
  #opening: Promise<void> | null = null;

  constructor(options: {
    readonly socket?: string | undefined;
    /** Makes systemd listen at the socket, where it does not. */
    readonly open: (signal: AbortSignal) => Promise<void>;
  }) {
    this.#socket = options.socket ?? SOCKET;
    this.#open = options.open;
  }

  /** The answer to one call; `doing` begins the message of its error. Any status is an answer. */
  async call(
    method: "GET" | "POST" | "DELETE",
    path: string,
    doing: string,
    signal: AbortSignal,
    body?: Uint8Array,
  ): Promise<Answer> {
    const within = AbortSignal.any([signal, AbortSignal.timeout(CALL_MS)]);
    return this.#read(await this.#request(method, path, doing, within, body), doing, within);
  }

  async #read(response: http.IncomingMessage, doing: string, within: AbortSignal): Promise<Answer> {
    const chunks: Buffer[] = [];
    let size = 0;
    try {
      for await (const chunk of response) {
        if (!(chunk instanceof Buffer)) continue;
        size += chunk.length;
        if (size > ANSWER_LIMIT_BYTES) throw failed(doing, "the answer is longer than 16 MiB");
        chunks.push(chunk);
      }
    } catch (error) {
      throw this.#asPortError(error, doing, within);
    }
    const bytes = Buffer.concat(chunks);
    const unbounded = measure(bytes, ANSWER_LIMITS);
    if (unbounded !== null) throw failed(doing, `the answer is ${unbounded}`);
    return { status: response.statusCode ?? 0, body: jsonIn(bytes.toString("utf8")) };
  }

  /** Sends a body piece by piece. Where that rejects, the call ends before its end, and rejects with the same. */
  async send(path: string, body: Body, doing: string, signal: AbortSignal): Promise<Answer> {
    const response = await this.#request("POST", path, doing, signal, body);
    return this.#read(response, doing, signal);
  }

  /** The same for a call that answers bit by bit. */
  async stream(method: "POST", path: string, doing: string, signal: AbortSignal): Promise<http.IncomingMessage> {
    return this.#request(method, path, doing, signal);
  }

  async #request(
    method: string,
    path: string,
    doing: string,
    signal: AbortSignal,
    body?: Body,
  ): Promise<http.IncomingMessage> {
    try {
      return await this.#once(method, path, signal, body);
    } catch (error) {
      if (!isNobodyThere(error)) throw this.#asPortError(error, doing, signal);
    }
    await this.#opened();
    try {
      return await this.#once(method, path, signal, body);
    } catch (error) {
      throw this.#asPortError(error, doing, signal);
    }
  }

  /** Once for all calls that find nobody there: of two orders to start one unit, systemd makes one job. */
  #opened(): Promise<void> {
    return (this.#opening ??= this.#open(AbortSignal.timeout(CALL_MS)).finally(() => (this.#opening = null)));
  }

  #once(method: string, path: string, signal: AbortSignal, body?: Body): Promise<http.IncomingMessage> {
    return new Promise((resolve, reject) => {
      const request = http.request(
        { socketPath: this.#socket, method, path: `${API}${path}`, signal, agent: false },
        resolve,
      );
      let ofBody: Error | null = null;
      request.on("error", (error) => reject(ofBody ?? error));
      // Where it switches to another protocol there is neither an answer nor an error.
      request.on("close", () => reject(new Error("it hung up without an answer")));
      if (body === undefined || body instanceof Uint8Array) request.end(body);
      else {
        request.setHeader("Content-Type", "application/x-tar");
        // What went wrong is told by the request, which is destroyed with it.
        pipeline(
          Readable.from(
            copiesOf(body(), (error) => (ofBody = error instanceof Error ? error : new Error(String(error)))),
            { objectMode: false },
          ),
          request,
          () => {},
        );
      }
    });
  }

  #asPortError(error: unknown, doing: string, signal: AbortSignal): PortError {
    if (error instanceof PortError) return error;
    if (signal.aborted) {
      return new PortError({
        code: "TimedOut",
        blame: "device",
        message: `${doing} was not done in time.`,
        next: "Look at what podman is doing: systemctl status podman.service.",
      });
    }
    return new PortError(
      {
        code: "Unavailable",
        blame: "device",
        message: `${doing} failed: podman does not answer at ${this.#socket} (${error instanceof Error ? error.message : String(error)}).`,
        next: "Read why: journalctl --unit podman.service --lines 50.",
      },
      { cause: error },
    );
  }
}

/** A piece may be overwritten by the next one, and a stream reads ahead. */
async function* copiesOf(
  pieces: AsyncIterable<Uint8Array>,
  failed: (error: unknown) => void,
): AsyncGenerator<Uint8Array, void, void> {
  try {
    for await (const piece of pieces) yield Uint8Array.from(piece);
  } catch (error) {
    failed(error);
    throw error;
  }
}

const isNobodyThere = (error: unknown): boolean =>
  error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ECONNREFUSED");

const Said = z.object({ message: z.string() });

/** What podman says against it, in its answer. */
export function refused(doing: string, { status, body }: Answer): PortError {
  const said = safeParse(Said, body).data?.message ?? `status ${status}, and an answer that says nothing of it`;
  return failed(doing, said.slice(0, SAID_LIMIT));
}

const failed = (doing: string, said: string): PortError =>
  new PortError({
    code: "Failed",
    blame: "device",
    message: `${doing} failed: ${said}.`,
    next: "Read on: journalctl --unit podman.service --lines 50.",
  });
