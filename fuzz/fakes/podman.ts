import { createServer, type Server, type Socket } from "node:net";
import * as z from "zod";

/** How podman's API answers one call, as bytes of HTTP. */
const Answer = z.object({
  status: z.number().catch(200).default(200),
  /** Between the status and the body, as they are. */
  headers: z.array(z.string()).max(64).catch([]).default([]),
  body: z.string().catch("").default(""),
  /** `sized`: with its length. `chunked`: in pieces. `open`: until it hangs up. `wrong`: with a length that is not its own. */
  as: z.enum(["sized", "chunked", "open", "wrong", "raw"]).catch("sized").default("sized"),
  /** How often the body is sent. */
  times: z
    .number()
    .catch(1)
    .transform((times) => Math.min(Math.max(1, Math.trunc(times) || 1), 100_000))
    .default(1),
  /** It hangs up after that many bytes; 0: never before its end. */
  cut: z.number().catch(0).default(0),
  /** Bytes a millisecond; 0: all at once. */
  drip: z.number().catch(0).default(0),
});
type Answer = z.infer<typeof Answer>;

export const PodmanScript = z.object({
  /** By a part of the path; the first that fits. */
  answers: z
    .array(z.tuple([z.string(), Answer]))
    .max(32)
    .catch([])
    .default([]),
});
export type PodmanScript = z.infer<typeof PodmanScript>;

const PIECE_BYTES = 64 * 1024;

/** Podman's API at a real socket, which behaves as a script says. */
export class FakePodman {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  script: PodmanScript = PodmanScript.parse({});

  private constructor() {
    this.#server = createServer((socket) => {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
      socket.on("error", () => {});
      socket.once("data", (bytes: Buffer) => void this.#answer(socket, bytes.toString().split("\r\n", 1)[0] ?? ""));
    });
  }

  static async listen(path: string): Promise<FakePodman> {
    const podman = new FakePodman();
    await new Promise<void>((resolve) => podman.#server.listen(path, resolve));
    return podman;
  }

  hangUp(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  close(): void {
    this.hangUp();
    this.#server.close();
  }

  async #answer(socket: Socket, request: string): Promise<void> {
    const [, answer] = this.script.answers.find(([part]) => request.includes(part)) ?? [
      "",
      Answer.parse({ body: "[]" }),
    ];
    let sent = 0;
    const limit = answer.cut > 0 ? answer.cut : Number.POSITIVE_INFINITY;
    for (const bytes of bytesOf(answer)) {
      const piece = bytes.subarray(0, Math.max(0, limit - sent));
      if (!(await write(socket, piece, answer.drip))) return;
      sent += piece.length;
      if (sent >= limit) return void socket.destroy();
    }
    socket.end();
  }
}

/** What goes over the socket, in pieces; it may be much. */
function* bytesOf({ status, headers, body, as, times }: Answer): Generator<Buffer, void, void> {
  const once = Buffer.from(body);
  if (as === "raw") {
    for (let left = times; left > 0; left -= 1) yield once;
    return;
  }
  const code = Math.abs(Math.trunc(status)) % 1000;
  const kind = {
    sized: `content-length: ${once.length * times}`,
    wrong: `content-length: ${once.length * times + 7}`,
    chunked: "transfer-encoding: chunked",
    open: "connection: close",
  }[as];
  yield Buffer.from([`HTTP/1.1 ${code} X`, kind, ...headers, "", ""].join("\r\n"), "latin1");
  const each = Math.max(1, Math.floor(PIECE_BYTES / Math.max(1, once.length)));
  for (let left = times; left > 0; left -= each) {
    const piece = Buffer.concat(Array.from({ length: Math.min(left, each) }, () => once));
    const isChunk = as === "chunked" && piece.length > 0;
    yield isChunk
      ? Buffer.concat([Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from("\r\n")])
      : piece;
  }
  if (as === "chunked") yield Buffer.from("0\r\n\r\n");
}

/** Whether it could be written; waits as long as the reader does not read. */
async function write(socket: Socket, bytes: Buffer, drip: number): Promise<boolean> {
  const step = drip >= 1 ? Math.trunc(drip) : Math.max(1, bytes.length);
  for (let at = 0; at < bytes.length; at += step) {
    if (socket.destroyed) return false;
    if (!socket.write(bytes.subarray(at, at + step))) {
      await new Promise<void>((resolve) => {
        socket.once("drain", resolve).once("close", resolve);
      });
    }
    if (drip >= 1) await new Promise((resume) => setTimeout(resume, 1));
  }
  return !socket.destroyed;
}
