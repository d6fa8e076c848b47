import http from "node:http";
import { userInfo } from "node:os";
import { describe, expect, onTestFinished, test } from "vitest";
import { askOnce } from "../../../src/agent/adapters/asking.ts";
import type { Command, CommandResult } from "../../../src/agent/adapters/command.ts";

const { signal } = new AbortController();
const HERE = "127.0.0.1";

async function server(answer: (response: http.ServerResponse) => void): Promise<number> {
  const listening = http.createServer((_, response) => answer(response));
  await new Promise<void>((resolve) => listening.listen(0, HERE, resolve));
  onTestFinished(() => {
    listening.closeAllConnections();
    listening.close();
  });
  const address = listening.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

describe("what answers", () => {
  test.each([
    [200, null],
    [302, null],
    [399, null],
    [404, "answered with status 404"],
    [503, "answered with status 503"],
  ])("HTTP with status %i is told", async (status, why) => {
    const port = await server((response) => response.writeHead(status).end());
    const asked = await askOnce({ type: "http", port, path: "/health" }, HERE, signal);
    expect(asked).toBe(why === null ? null : `port ${port}/health ${why}`);
  });

  test("a connection is enough for TCP, and none is told", async () => {
    const port = await server(() => {});
    expect(await askOnce({ type: "tcp", port }, HERE, signal)).toBeNull();
    await expect(askOnce({ type: "tcp", port: 1 }, HERE, signal)).rejects.toThrow("ECONNREFUSED");
  });

  test("what never answers is given up with the signal", async () => {
    const port = await server(() => {});
    const ending = new AbortController();
    const asking = askOnce({ type: "http", port, path: "/" }, HERE, ending.signal);
    ending.abort();
    await expect(asking).rejects.toThrow("abort");
  });

  test("an answer without an end is an answer", async () => {
    const port = await server((response) => response.writeHead(200).write("and so on"));
    expect(await askOnce({ type: "http", port, path: "/" }, HERE, signal)).toBeNull();
  });
});

describe("a command", () => {
  const ended = (code: number | null, by: string | null = null): CommandResult => ({
    _tag: "Ended",
    code,
    signal: by,
    stdout: "secret",
    stderr: "secret",
    truncated: false,
    timedOut: false,
  });
  const own = String(userInfo().uid);
  const ask = async (result: CommandResult, ran: Command[] = []): Promise<string | null> =>
    askOnce({ type: "command", command: ["/bin/check", "-a"], user: own }, "", signal, async (command) => {
      ran.push(command);
      return result;
    });

  test("is well when it ends with 0, and its output is told to nobody", async () => {
    expect(await ask(ended(0))).toBeNull();
    expect(await ask(ended(3))).toBe("/bin/check ended with 3");
    expect(await ask(ended(null, "SIGKILL"))).toBe("/bin/check was ended by SIGKILL");
    expect(await ask({ _tag: "NotStarted", message: "EAGAIN" })).toBe("/bin/check was not started: EAGAIN");
    expect(await ask({ _tag: "NotFound" })).toContain("setpriv");
  });

  test("runs by argv as the service's user, and with a group of its own where that is said", async () => {
    const ran: Command[] = [];
    await ask(ended(0), ran);
    expect(ran[0]?.argv.slice(-3)).toEqual(["--", "/bin/check", "-a"]);
    expect(ran[0]?.signal).toBe(signal);
    const question = { type: "command", command: ["/bin/check"] } as const;
    const never = (): never => expect.unreachable();
    await expect(askOnce({ ...question, user: "nobody-at-all" }, "", signal, never)).rejects.toThrow("no user");
    await expect(askOnce({ ...question, user: own, group: "none-at-all" }, "", signal, never)).rejects.toThrow(
      "no group",
    );
  });
});
