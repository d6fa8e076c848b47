import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import { tellUnit } from "../../src/agent/adapters/unit-file.ts";
import { type Parsed, parseArguments } from "../../src/agent/arguments.ts";
import { configurationFile, readConfiguration } from "../../src/agent/configuration.ts";
import { parseEnroll } from "../../src/agent/enrol-arguments.ts";

const words = (value: unknown): readonly string[] => {
  const read = readConfiguration("agent.json", JSON.stringify(value));
  if (read._tag === "Wrong") throw new Error(read.message);
  return read.words;
};
const wrong = (text: string): string => {
  const read = readConfiguration("agent.json", text);
  return read._tag === "Wrong" ? read.message : "";
};
const parse = (configured: unknown, ...typed: readonly string[]): Parsed =>
  parseArguments([...words(configured), ...typed], {});

test("a configuration is the flags of the command line, and what is typed goes before it", () => {
  const configured = {
    id: "pi-7",
    server: "nats://a",
    trust: ["ops=/k"],
    "allow-audited-shell": true,
    json: false,
    capability: ["FileSystemHost"],
  };
  expect(parse(configured, "run", "--server", "nats://b")).toMatchObject({
    _tag: "Run",
    given: {
      agentId: "pi-7",
      server: "nats://b",
      trust: [{ name: "ops", file: "/k" }],
      capabilities: ["FileSystemHost", "AuditedShell"],
    },
  });
});

test("a value that looks like a flag stays a value", () => {
  fc.assert(
    fc.property(fc.string(), (server) => {
      const parsed = parse({ server, creds: "/c" }, "run", "--id", "pi-7", "--server", "nats://a");
      expect(parsed).toMatchObject({ _tag: "Run", given: { server: "nats://a", credsFile: "/c" } });
    }),
  );
});

test.each([
  ["{", /^agent\.json: is no JSON: /],
  ["[]", /^agent\.json: must be an object whose keys are flags/],
  ['{"server": 7}', /^agent\.json: "server" must be a text, a list of texts, or true or false$/],
  ['{"config": "/etc/other.json"}', /^agent\.json: "config" names no other file$/],
])("%s is refused, with the place", (text, message) => {
  expect(wrong(text)).toMatch(message);
});

test("what is no flag is refused as it is on the command line", () => {
  expect(parse({ sever: "nats://a" }, "run", "--id", "pi-7")).toMatchObject({ _tag: "Wrong" });
});

test("whatever a file holds, reading it ends in words or in a sentence", () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
      const read = readConfiguration("f", text);
      if (read._tag === "Words") parseArguments([...read.words, "run"], {});
      else expect(read.message).toMatch(/^f: /);
    }),
  );
});

test("the file is the one that is named last", () => {
  expect(configurationFile(["run", "--config", "/a"])).toBe("/a");
  expect(configurationFile(["run", "--config", "/a", "--config=/b"])).toBe("/b");
  expect(configurationFile(["run", "--id", "x"])).toBeNull();
});

test("enrolling takes the id and the place of the key from it", () => {
  const configured = words({ id: "pi-7", creds: "/k", server: "nats://a", path: ["/srv"] });
  expect(parseEnroll(["--config", "f"], {}, configured)).toMatchObject({ given: { agentId: "pi-7", credsFile: "/k" } });
  expect(parseEnroll(["--id", "pi-8"], {}, configured)).toMatchObject({ given: { agentId: "pi-8" } });
});

test.each([
  [["--capability", "Teapot"], /^--capability is one of FileSystemHost, .*, and not "Teapot"$/],
  [["--capability", "AuditedShell"], /let in by --allow-audited-shell alone$/],
  [["--path", "srv"], /^--path is an absolute path/],
  [["--path", "/srv/../etc"], /^--path is an absolute path/],
  [["--path", "/a\nExecStart=/bin/sh"], /^--path is an absolute path/],
])("unit %j is wrong usage", (flags, message) => {
  expect(parseArguments(["unit", ...flags], {})).toEqual({ _tag: "Wrong", message: expect.stringMatching(message) });
});

test("the unit is printed, or what is added to the package's is put in place", async () => {
  const folder = await mkdtemp(join(tmpdir(), "harmony-test-unit-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const place = join(folder, "d/20-cage.conf");
  const told = async (...flags: readonly string[]): Promise<string> => {
    const parsed = parseArguments(["unit", "--capability", "PacketFilter", "--config", "/c.json", ...flags], {});
    if (parsed._tag !== "Unit") throw new Error(JSON.stringify(parsed));
    let out = "";
    const io = { stdout: { write: (text: string) => (out += text) }, stderr: { write: () => {} } };
    expect(await tellUnit(parsed.given, io, place)).toBe(0);
    return out;
  };
  expect(await told()).toMatch(/^ExecStart=\/usr\/bin\/harmony agent run --config \/c\.json$/m);
  const dropIn = await told("--drop-in");
  expect(dropIn).toMatch(/^# PacketFilter: .*\nCapabilityBoundingSet=CAP_NET_ADMIN\n/m);
  expect(await told("--write")).toBe("");
  expect(await readFile(place, "utf8")).toBe(dropIn);
  const nowhere = { stdout: { write: () => {} }, stderr: { write: () => {} } };
  const parsed = parseArguments(["unit", "--write"], {});
  if (parsed._tag === "Unit") expect(await tellUnit(parsed.given, nowhere, join(place, "under/a-file"))).toBe(1);
});
