import http from "node:http";
import net from "node:net";
import type { Question } from "../../capabilities/probe.ts";
import { type Command, runCommand } from "./command.ts";
import { asAccount, groupId, jobAccount } from "./job-account.ts";

type Run = (command: Command) => ReturnType<typeof runCommand>;

/** Above what any probe has: the signal ends it. */
const LONGEST_MS = 120_000;
/** What a command says is for people who run it; here its end counts. */
const OUTPUT_LIMIT_BYTES = 4096;

/**
 * Asks what runs on this machine, or is reached from it, once. Null: it is well. Else why not, as it ends a sentence.
 * Rejects where it could not be asked. For the time that it may take there is the signal.
 */
export async function askOnce(
  question: Question,
  address: string,
  signal: AbortSignal,
  run: Run = runCommand,
): Promise<string | null> {
  switch (question.type) {
    case "tcp":
      return connect(address, question.port, signal);
    case "http":
      return get(address, question, signal);
    case "command":
      return command(question, signal, run);
  }
}

const connect = (host: string, port: number, signal: AbortSignal): Promise<null> =>
  new Promise((resolve, reject) => {
    const socket = net.connect({ host, port });
    const give = (): void => void socket.destroy(new Error("given up"));
    signal.addEventListener("abort", give, { once: true });
    socket.on("close", () => signal.removeEventListener("abort", give));
    socket.on("error", reject);
    socket.on("connect", () => {
      socket.destroy();
      resolve(null);
    });
  });

const get = (
  host: string,
  { port, path }: Extract<Question, { type: "http" }>,
  signal: AbortSignal,
): Promise<string | null> =>
  new Promise((resolve, reject) => {
    const request = http.get({ host, port, path, signal, agent: false }, (response) => {
      const { statusCode = 0 } = response;
      // What it says beyond that may never end.
      response.destroy();
      resolve(statusCode >= 200 && statusCode < 400 ? null : `port ${port}${path} answered with status ${statusCode}`);
    });
    request.on("error", reject);
  });

async function command(
  { command: argv, user = "root", group }: Extract<Question, { type: "command" }>,
  signal: AbortSignal,
  run: Run,
): Promise<string | null> {
  const [program = ""] = argv;
  const account = jobAccount(user);
  const ran = await run({
    argv: asAccount(group === undefined ? account : { ...account, gid: groupId(group) }, argv),
    signal,
    timeoutMs: LONGEST_MS,
    outputLimitBytes: OUTPUT_LIMIT_BYTES,
    env: { HOME: account.home, USER: account.name, LOGNAME: account.name },
  });
  if (ran._tag === "NotFound") return "setpriv, by which a command is run as a user, was not found";
  if (ran._tag === "NotStarted") return `${program} was not started: ${ran.message}`;
  if (ran.code === 0) return null;
  return ran.code === null ? `${program} was ended by ${ran.signal}` : `${program} ended with ${ran.code}`;
}
