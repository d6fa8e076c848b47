import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { natsServer } from "../support/nats-server.ts";
import { folder, harmony, type HowToRun } from "./in-process.ts";
import { json } from "./scripted-fleet.ts";

function place() {
  const config = folder();
  const cwd = folder({ "author.creds": "x" });
  const run = (words: readonly string[], how: HowToRun = {}) =>
    harmony(words, { cwd, ...how, env: { XDG_CONFIG_HOME: config, ...how.env } });
  const show = async (words: readonly string[] = [], how: HowToRun = {}) =>
    json((await run(["context", "show", "--json", ...words], how)).out);
  return { cwd, run, show, file: join(config, "harmony-edge/contexts.json") };
}

test("the first one is used, another one once it is said; what a flag or the environment says goes before", async () => {
  const { cwd, run, show } = place();
  expect(await show()).toEqual({ context: null, server: "nats://127.0.0.1:4222", creds: null });
  const added = ["context", "add", "paris", "--server", "nats://paris:4222", "--creds", "author.creds"];
  expect(await run(added)).toMatchObject({ code: 0, err: "paris is nats://paris:4222\n" });
  await run(["context", "add", "rome", "--server", "nats://rome:4222"]);
  expect(await show()).toEqual({ context: "paris", server: "nats://paris:4222", creds: join(cwd, "author.creds") });
  expect((await run(["context", "list"])).out).toBe(
    `   NAME   SERVER             CREDENTIALS\n*  paris  nats://paris:4222  ${join(cwd, "author.creds")}\n   rome   nats://rome:4222   -\n`,
  );

  expect(await show(["--context", "rome"])).toEqual({ context: "rome", server: "nats://rome:4222", creds: null });
  expect(await show([], { env: { HARMONY_CONTEXT: "rome" } })).toMatchObject({ context: "rome" });
  expect(await show(["--context", "paris"], { env: { HARMONY_CONTEXT: "rome" } })).toMatchObject({ context: "paris" });
  expect(await run(["context", "use", "rome"])).toMatchObject({ code: 0 });
  expect(await show()).toMatchObject({ context: "rome" });

  // The credentials of one server are never shown to another.
  await run(["context", "use", "paris"]);
  expect(await show(["--server", "nats://elsewhere:4222"])).toMatchObject({
    server: "nats://elsewhere:4222",
    creds: null,
  });
  expect(await show([], { env: { HARMONY_SERVER: "nats://elsewhere:4222" } })).toMatchObject({ creds: null });
  expect(await show(["--creds", "mine.creds"])).toMatchObject({ server: "nats://paris:4222", creds: "mine.creds" });

  await run(["context", "remove", "paris"]);
  expect(await show()).toMatchObject({ context: null, server: "nats://127.0.0.1:4222" });
});

test("a command goes to the server of the context in use", async () => {
  const { url } = await natsServer();
  const { run } = place();
  await run(["context", "add", "here", "--server", url]);
  await run(["context", "add", "away", "--server", "nats://127.0.0.1:1"]);
  expect((await run(["status"])).code).not.toBe(4);
  expect((await run(["status", "--context", "away"])).code).toBe(4);
});

test("is its owner's alone, and written whole", async () => {
  const { run, file } = place();
  await run(["context", "add", "a", "--server", "nats://a"]);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(json(readFileSync(file, "utf8"))).toMatchObject({ version: 1, current: "a" });
});

test.each([
  [["context", "use", "pari"], 1, "Did you mean paris?"],
  [["context", "remove", "x"], 1, "There are paris."],
  [["status", "--context", "x"], 2, 'there is no context "x"'],
  [["context", "add", "no name", "--server", "nats://a"], 2, "a name is 1 to 63"],
  [["context", "add", "b"], 2, "--server is missing"],
] as const)("%j ends with %i and says why", async (words, code, said) => {
  const { run } = place();
  await run(["context", "add", "paris", "--server", "nats://paris:4222"]);
  const ran = await run(words);
  expect(ran.err).toContain(said);
  expect(ran.code).toBe(code);
});

test("a file that cannot be read is told by what needs it, and stops nothing else", async () => {
  const { run, file } = place();
  await run(["context", "add", "a", "--server", "nats://a"]);
  writeFileSync(file, '{"version":1,"current":7}');
  expect((await run(["kinds"])).code).toBe(0);
  expect(await run(["context", "use", "a"])).toMatchObject({ code: 2 });
  const named = await run(["kinds", "--context", "a"]);
  expect(named.err).toContain("is not as harmony writes it");
  expect(named.code).toBe(2);
});
