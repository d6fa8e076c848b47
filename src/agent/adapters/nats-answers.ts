import { connect } from "node:net";

const ANSWER_MS = 3000;
/** The first word of every NATS server, before anything else. */
const GREETING = "INFO ";
const ENOUGH = 4096;

/**
 * Whether one of these NATS servers greets on a connection that is made now: an old one may hang for minutes before it
 * is known to be dead. Never rejects.
 *
 * @param servers URLs (`nats://host:4222`) or `host:port`, asked for at each call. Of one with `ws` or `wss` it is
 * enough that the connection is taken.
 * @param options `answerMs`: how long each may be silent. Default 3000
 */
export const natsAnswers =
  (servers: () => readonly string[], { answerMs = ANSWER_MS } = {}) =>
  async (signal: AbortSignal): Promise<boolean> => {
    const answers = await Promise.all(servers().map(async (server) => greets(server, answerMs, signal)));
    return answers.includes(true);
  };

function greets(server: string, answerMs: number, signal: AbortSignal): Promise<boolean> {
  const url = parse(server);
  if (url === null || signal.aborted) return Promise.resolve(false);
  const isWebSocket = url.protocol.startsWith("ws");
  return new Promise((resolve) => {
    const port = url.port === "" ? defaultPort(url.protocol) : Number(url.port);
    const socket = connect({ host: url.hostname.replace(/^\[|\]$/g, ""), port });
    let heard = "";
    const end = (answer: boolean): void => {
      signal.removeEventListener("abort", giveUp);
      socket.destroy();
      resolve(answer);
    };
    const giveUp = (): void => end(false);
    signal.addEventListener("abort", giveUp, { once: true });
    socket.setTimeout(answerMs, giveUp);
    socket.on("error", giveUp);
    socket.on("close", giveUp);
    if (isWebSocket) socket.on("connect", () => end(true));
    socket.on("data", (chunk: Buffer) => {
      heard += chunk.toString("latin1");
      if (heard.startsWith(GREETING)) end(true);
      else if (heard.length > ENOUGH) end(false);
    });
  });
}
const defaultPort = (protocol: string): number => (protocol === "wss:" ? 443 : protocol === "ws:" ? 80 : 4222);

function parse(server: string): URL | null {
  try {
    return new URL(server.includes("://") ? server : `nats://${server}`);
  } catch {
    return null;
  }
}
