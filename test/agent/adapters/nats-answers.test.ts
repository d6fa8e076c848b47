import { createServer, type Socket } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { natsAnswers } from "../../../src/agent/adapters/nats-answers.ts";
import { natsServer } from "../../support/nats-server.ts";

/** A server that does this with each connection. */
async function listening(greet: (socket: Socket) => void): Promise<string> {
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    greet(socket);
  });
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  const address = server.address();
  return `nats://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`;
}
const never = new AbortController().signal;

test("a NATS server that is there answers", async () => {
  const { url } = await natsServer();
  expect(await natsAnswers(() => [url])(never)).toBe(true);
  expect(await natsAnswers(() => [url.replace("nats://", "")])(never)).toBe(true);
});

test("one of several is enough", async () => {
  const { url } = await natsServer();
  expect(await natsAnswers(() => ["nats://127.0.0.1:1", url])(never)).toBe(true);
});

test("what listens and is no NATS server does not count", async () => {
  const url = await listening((socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"));
  expect(await natsAnswers(() => [url])(never)).toBe(false);
});

test("a greeting may come in pieces", async () => {
  const url = await listening((socket) => {
    socket.write("IN");
    setTimeout(() => socket.write("FO {}\r\n"), 20);
  });
  expect(await natsAnswers(() => [url])(never)).toBe(true);
});

test("a connection that nobody answers is given up when the signal fires", async () => {
  const url = await listening(() => undefined);
  const giveUp = new AbortController();
  setTimeout(() => giveUp.abort(), 50);
  expect(await natsAnswers(() => [url], { answerMs: 3_600_000 })(giveUp.signal)).toBe(false);
});

test("a connection that nobody answers is given up after a time", async () => {
  const url = await listening(() => undefined);
  expect(await natsAnswers(() => [url], { answerMs: 20 })(never)).toBe(false);
});

test.each(["nats://127.0.0.1:1", "not a url at all", "nats://no-such-host.invalid:4222"])(
  "nobody at %s is no answer",
  async (url) => {
    expect(await natsAnswers(() => [url])(never)).toBe(false);
  },
);
