import { chmod, rm } from "node:fs/promises";
import { connect, createServer, type Socket } from "node:net";
import { join } from "node:path";
import type { Log } from "../../scores/context.ts";
import { PAYLOAD_LIMIT_BYTES } from "../../wire/envelope.ts";
import { readDocument } from "../../wire/status.ts";
import { LocalAnswer, LocalRequest } from "../local-requests.ts";

/** A bundle as text within JSON, or a status of the largest sort. */
const LIMIT_BYTES = 3 * PAYLOAD_LIMIT_BYTES;
const DEADLINE_MS = 10_000;
/** The kernel's, less the byte at its end; Node cuts off what is longer without a word. */
const LONGEST_PATH = 107;

const socketIn = (stateDirectory: string): string => join(stateDirectory, "agent.sock");

/**
 * Listens in the state directory, which nobody but the agent's own user and root may enter: one request a connection. The
 * directory has to be locked by this process, so that what lies there is left by a dead one. Gives the way to end it.
 */
export async function serveLocal(
  stateDirectory: string,
  handle: (request: LocalRequest) => Promise<LocalAnswer>,
  log: Log,
): Promise<() => void> {
  const path = socketIn(stateDirectory);
  if (Buffer.byteLength(path) > LONGEST_PATH) {
    log("nothing can be asked of this agent on the device: the state directory's path is too long", { path });
    return () => {};
  }
  await rm(path, { force: true });
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    void respond(socket, handle).catch((error: unknown) => {
      socket.destroy();
      log("a request on the device came to nothing", { error: String(error) });
    });
  });
  server.unref();
  try {
    await new Promise<void>((listening, failed) => server.once("error", failed).listen(path, listening));
    await chmod(path, 0o600);
  } catch (error) {
    log("nothing can be asked of this agent on the device", { path, error: String(error) });
  }
  server.on("error", (error) => log("nothing can be asked of this agent on the device", { error: String(error) }));
  return () => void server.close();
}

async function respond(socket: Socket, handle: (request: LocalRequest) => Promise<LocalAnswer>): Promise<void> {
  const bytes = await whole(socket);
  const read = readDocument(LocalRequest, bytes);
  const answer: LocalAnswer =
    read._tag === "Read"
      ? await handle(read.document).catch((error: unknown) => ({ _tag: "Failed", message: messageOf(error) }))
      : { _tag: "Failed", message: `the request cannot be read: ${read.message}` };
  socket.end(JSON.stringify(answer));
}

export type Asked = LocalAnswer | { readonly _tag: "NotRunning"; readonly message: string };

/** Asks the agent that works with this state directory. Never rejects. */
export async function askLocal(stateDirectory: string, request: LocalRequest): Promise<Asked> {
  const path = socketIn(stateDirectory);
  try {
    const socket = connect(path);
    await new Promise<void>((connected, failed) => socket.once("connect", connected).once("error", failed));
    socket.end(JSON.stringify(request));
    const read = readDocument(LocalAnswer, await whole(socket));
    return read._tag === "Read" ? read.document : { _tag: "Failed", message: read.message };
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : null;
    return code === "ENOENT" || code === "ECONNREFUSED"
      ? { _tag: "NotRunning", message: `no agent listens at ${path}` }
      : { _tag: "Failed", message: messageOf(error) };
  }
}

/** All that comes until the other side has ended, within the limits. */
function whole(socket: Socket): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = [];
    let length = 0;
    socket.setTimeout(DEADLINE_MS, () => socket.destroy(new Error(`nothing came for ${DEADLINE_MS / 1000} s`)));
    socket.on("data", (part: Buffer) => {
      length += part.length;
      if (length > LIMIT_BYTES) socket.destroy(new Error(`more than ${LIMIT_BYTES} bytes`));
      else parts.push(part);
    });
    socket.once("end", () => resolve(Buffer.concat(parts)));
    socket.once("error", reject);
    socket.once("close", () => reject(new Error("it was closed before all of it came")));
  });
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
