import { generateKeyPairSync } from "node:crypto";
import { describe, expect, test } from "vitest";
import { readConfiguration } from "../../src/agent/configuration.ts";
import { type AgentArguments, parseArguments, trustedKeys, USAGE } from "../../src/agent/arguments.ts";

const parse = (words: string, env: Readonly<Record<string, string>> = {}) => parseArguments(words.split(" "), env);
const given = (words: string, env?: Readonly<Record<string, string>>): AgentArguments => {
  const parsed = parse(`run --id pi-7 ${words}`.trim(), env);
  if (parsed._tag !== "Run") throw new Error(JSON.stringify(parsed));
  return parsed.given;
};

describe("the agent's arguments", () => {
  test("have defaults for all but the id", () => {
    expect(given("")).toEqual({
      agentId: "pi-7",
      root: "/",
      stateDir: null,
      cacheDir: null,
      cacheLimit: null,
      server: "nats://127.0.0.1:4222",
      configFile: null,
      authorsFile: null,
      policyFile: null,
      signedPolicy: null,
      credsFile: null,
      trust: [],
      driftPassMs: 300_000,
      labels: {},
      allowAuditedShell: false,
      capabilities: [
        "FileSystemHost",
        "SystemdHost",
        "ContainerRuntime",
        "NetworkConfigurator",
        "PacketFilter",
        "PackageManager",
      ],
      pair: null,
    });
  });

  test.each([
    ["0", 0],
    ["1234", 1234],
    ["500M", 500 * 1024 ** 2],
    ["2G", 2 * 1024 ** 3],
    ["64K", 65_536],
  ])("--cache-limit %s is %i bytes", (text, bytes) => {
    expect(given(`--cache-limit ${text} --cache-dir /srv/cache`)).toMatchObject({
      cacheLimit: bytes,
      cacheDir: "/srv/cache",
    });
  });

  test.each(["1.5G", "-1", "G", "1T", "1e3", "10MB"])("--cache-limit %s is none", (text) => {
    expect(parse(`run --id pi-7 --cache-limit ${text}`)).toMatchObject({ _tag: "Wrong" });
  });

  test("labels come from the command line and the configuration file alike, and a wrong one is wrong usage", () => {
    expect(given("--label site=paris --label role=kiosk").labels).toEqual({ role: "kiosk", site: "paris" });
    const file = readConfiguration("agent.json", '{"label": ["site=paris", "role=kiosk"]}');
    expect(file).toMatchObject({ words: ["--label=site=paris", "--label=role=kiosk"] });
    expect(given("--label=site=paris --label=role=kiosk").labels).toEqual({ role: "kiosk", site: "paris" });
    expect(parse("run --id pi-7 --label site")).toMatchObject({
      _tag: "Wrong",
      message: '--label: a label is KEY=VALUE, such as site=paris, and not "site"',
    });
  });

  test("of doctor are those of run, and none must be given", () => {
    const none = { _tag: "Doctor", given: { agentId: null, json: false, root: "/", trust: [] } };
    expect(parse("doctor")).toMatchObject(none);
    expect(parse("doctor --json --id pi-7 --server nats://a")).toMatchObject({
      given: { agentId: "pi-7", json: true, server: "nats://a" },
    });
    expect(parse("doctor --id Pi_7")).toMatchObject({ _tag: "Wrong" });
    expect(parse("run --id pi-7 --json")).toEqual({ _tag: "Wrong", message: "--json is for doctor and audit alone" });
    expect(parse("doctor run")).toMatchObject({ _tag: "Wrong" });
  });

  test("name the pair that it is a member of, which has an id of its own", () => {
    expect(given("--failover web").pair).toBe("web");
    expect(parse("run --id pi-7 --failover pi-7")).toMatchObject({
      _tag: "Wrong",
      message: expect.stringContaining("an id of its own"),
    });
    expect(parse("run --id pi-7 --failover A_B")).toMatchObject({ _tag: "Wrong" });
  });

  test("alone say whether Scores may run commands", () => {
    expect(given("--allow-audited-shell").allowAuditedShell).toBe(true);
    expect(given("", { HARMONY_ALLOW_AUDITED_SHELL: "1" }).allowAuditedShell).toBe(false);
    expect(parse("run --id pi-7 --allow-audited-shell=no")).toMatchObject({ _tag: "Wrong" });
  });

  test("come from flags, then from the environment, in which an empty variable is not set", () => {
    const env = { HARMONY_SERVER: "nats://env", HARMONY_CREDS: "/env.creds" };
    expect(given("", env)).toMatchObject({ server: "nats://env", credsFile: "/env.creds" });
    expect(given("--server nats://flag --creds /flag", env)).toMatchObject({
      server: "nats://flag",
      credsFile: "/flag",
    });
    const empty = { HARMONY_SERVER: "", HARMONY_CREDS: "" };
    expect(given("", empty)).toMatchObject({ server: "nats://127.0.0.1:4222", credsFile: null });
  });

  test("name keys to trust, of which the file may have an equals sign in it", () => {
    expect(given("--trust ops=/a.pem --trust dev=/b=c.pem").trust).toEqual([
      { name: "ops", file: "/a.pem" },
      { name: "dev", file: "/b=c.pem" },
    ]);
  });

  test.each([
    ["100ms", 100],
    ["1.5s", 1500],
    ["5m", 300_000],
    ["2h", 7_200_000],
  ])("take %s as an interval", (text, ms) => expect(given(`--drift-interval ${text}`).driftPassMs).toBe(ms));

  test("with an interval at its longest still fit into a timer, whatever the jitter", () => {
    expect(given("--drift-interval 497h").driftPassMs * 1.2).toBeLessThan(2 ** 31);
  });

  test.each([
    ["run", "--id is missing"],
    ["run --id Pi_7", "--id: "],
    ["start --id pi-7", "harmony agent run"],
    ["run --id pi-7 more", "harmony agent run"],
    ["run --id pi-7 --no-such", "--no-such"],
    ["run --id pi-7 --trust ops", "NAME=FILE"],
    ["run --id pi-7 --server http://x", "--server is nats://"],
    ["run --id pi-7 --server nats://x,nats://[", "--server is nats://"],
    ["run --id pi-7 --trust =file", "NAME=FILE"],
    ["run --id pi-7 --trust ops=", "NAME=FILE"],
    ["run --id pi-7 --drift-interval 5", "--drift-interval"],
    ["run --id pi-7 --drift-interval 99ms", "--drift-interval"],
    ["run --id pi-7 --drift-interval 498h", "--drift-interval"],
    ["run --id pi-7 --drift-interval -5m", "--drift-interval"],
  ])("are refused with a sentence: %s", (words, sentence) =>
    expect(parse(words)).toEqual({ _tag: "Wrong", message: expect.stringContaining(sentence) }),
  );

  test("are explained, each of them", () => {
    expect(parse("--help")).toEqual({ _tag: "Help" });
    for (const flag of [
      "--id",
      "--root",
      "--state-dir",
      "--server",
      "--creds",
      "--trust",
      "--drift-interval",
      "--help",
    ]) {
      expect(USAGE).toContain(flag);
    }
  });
});

test("a key to trust is an Ed25519 one, or its file is named", () => {
  const pem = (key: { export(options: { type: "spki"; format: "pem" }): string | Buffer }): Buffer =>
    Buffer.from(key.export({ type: "spki", format: "pem" }));
  const good = generateKeyPairSync("ed25519").publicKey;
  expect([...trustedKeys([{ name: "ops", file: "/a", pem: pem(good) }]).keys()]).toEqual(["ops"]);
  const other = generateKeyPairSync("ec", { namedCurve: "P-256" }).publicKey;
  expect(() => trustedKeys([{ name: "ops", file: "/b.pem", pem: pem(other) }])).toThrow("/b.pem");
  expect(() => trustedKeys([{ name: "ops", file: "/c.pem", pem: Buffer.from("no key") }])).toThrow("/c.pem");
});
