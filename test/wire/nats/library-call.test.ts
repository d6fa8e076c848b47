import { connect, type NatsConnection } from "nats";
import { expect, onTestFinished, test } from "vitest";
import { Call } from "../../../src/wire/nats/call.ts";
import { libraryCall } from "../../../src/wire/nats/library-call.ts";
import { Link } from "../../../src/wire/nats/link.ts";
import { unreachable } from "../../../src/wire/nats/unreachable.ts";
import { natsServer } from "../../support/nats-server.ts";

const never = async (): Promise<never> => new Promise(() => {});

async function linked(): Promise<{ readonly link: Link; readonly connection: NatsConnection }> {
  const connection = await connect({ servers: (await natsServer()).url, reconnect: false });
  const link = new Link(async () => unreachable("Disconnected", "the test has one connection"), connection);
  onTestFinished(async () => link.close());
  return { link, connection };
}

test("work that goes on and on ends by the deadline of the call, and by its signal", async () => {
  const { link } = await linked();
  const timedOut = { _tag: "Unreachable", reason: "TimedOut" };
  expect(await libraryCall(link, new Call({ timeoutMs: 30 }), "wait", never)).toMatchObject(timedOut);
  const signal = AbortSignal.timeout(30);
  expect(await libraryCall(link, new Call({ signal, timeoutMs: Infinity }), "wait", never)).toMatchObject(timedOut);
});

test("work that a lost connection has cut short is not taken for finished", async () => {
  const { link, connection } = await linked();
  const half = async (): Promise<string> => {
    await connection.close();
    return "half of it";
  };
  const answer = await libraryCall(link, new Call({}), "read", half);
  expect(answer).toMatchObject({ _tag: "Unreachable", reason: "Disconnected" });
});

test("what the library throws is an answer, and so is a missing connection", async () => {
  const { link } = await linked();
  const fail = async (): Promise<never> => {
    throw new Error("a reason");
  };
  expect(await libraryCall(link, new Call({}), "read", fail)).toEqual({
    _tag: "Unreachable",
    reason: "Failed",
    message: "could not read: a reason",
  });
  await link.close();
  expect(await libraryCall(link, new Call({}), "read", never)).toMatchObject({ reason: "Disconnected" });
});
