import { describe, expect, test } from "vitest";
import { VERSION } from "../../src/wire/version.ts";
import { folder, harmony, manifestOf } from "./in-process.ts";
import { leaves } from "./leaves.ts";

const COMMANDS = [
  "dev",
  "check",
  "plan",
  "apply",
  "remove",
  "status",
  "events",
  "kinds",
  "agent",
  "fleet",
  "completion",
];

describe("help", () => {
  test("names every command, the exit codes, and goes to standard output", async () => {
    const { code, out, err } = await harmony(["--help"]);
    expect({ code, err }).toEqual({ code: 0, err: "" });
    for (const command of COMMANDS) expect(out).toMatch(new RegExp(`^  ${command}\\b`, "m"));
    expect(out).toContain("3 timed out waiting");
  });

  test.each(COMMANDS.filter((command) => command !== "agent"))(
    "of %s has examples and the flags of all commands",
    async (command) => {
      const { code, out } = await harmony([command, "--help"]);
      expect(code).toBe(0);
      expect(out).toContain(`Usage: harmony ${command}`);
      expect(out).toContain("Examples:");
      expect(out).toContain("--server <URL>");
      expect(out).toContain("HARMONY_CREDS");
    },
  );

  test.each(["init", "serve", "accept", "revoke"])(
    "of fleet %s has examples and the flags of all commands",
    async (command) => {
      const { code, out } = await harmony(["fleet", command, "--help"]);
      expect(code).toBe(0);
      expect(out).toContain(`Usage: harmony fleet ${command}`);
      expect(out).toContain("Examples:");
      expect(out).toContain("--dir <DIR>");
      expect(out).toContain("--json");
    },
  );

  test("of every command there is has examples that begin with it", async () => {
    // The agent has a help of its own, for it does without what the others share.
    const all = (await leaves()).filter(([first]) => first !== "agent");
    expect(all.length).toBeGreaterThan(30);
    const without: string[] = [];
    for (const words of all) {
      const { out } = await harmony([...words, "--help"]);
      const [, shown = ""] = out.split("Examples:");
      const call = new RegExp(`(^|[|(] *)harmony ${words.join(" ")}\\b`, "m");
      if (!call.test(shown.replaceAll(/^ +/gm, ""))) without.push(words.join(" "));
    }
    expect(without).toEqual([]);
  });

  test("the version is the package's", async () => {
    expect(await harmony(["--version"])).toEqual({ code: 0, out: `${VERSION}\n`, err: "" });
  });
});

describe("wrong usage ends with 2, tells why on standard error, and writes nothing to standard output", () => {
  const file = "x.ts";
  test.each([
    ["no command", [], /Usage: harmony/],
    ["an unknown command, with the nearest", ["aply"], /unknown command 'aply'\n\(Did you mean apply\?\)/],
    ["an unknown option, with the nearest", ["status", "--wach"], /Did you mean --watch\?/],
    ["a missing FILE", ["check"], /missing required argument 'FILE'/],
    ["a missing agent", ["apply", file], /one agent or for many/],
    ["an agent id that is none", ["apply", file, "--agent", "Pi_7"], /1 to 63 of a-z, 0-9/],
    ["an agent id that is none, as a word", ["status", "pi.7"], /1 to 63 of a-z, 0-9/],
    ["a time that is none", ["apply", file, "--agent", "pi-7", "--timeout", "60"], /such as 60s/],
    ["no time at all", ["apply", file, "--agent", "pi-7", "--timeout", "0s"], /such as 60s/],
    ["a port that is none", ["dev", "--port", "70000"], /from 0 to 65535/],
    [
      "a format that is none",
      ["check", file, "--format", "xml"],
      /Allowed choices are text, json, github, sarif, junit/,
    ],
    ["a time that is none", ["events", "--since", "yesterday"], /such as 12h/],
    ["a type that is none", ["events", "--type", "Accepted"], /Allowed choices are ManifestAccepted,/],
    ["a number that is none", ["events", "--limit", "0"], /from 1 to 999999/],
    ["too many words", ["remove", "pi-7", "pi-8"], /too many arguments/],
    ["a shell that is none", ["completion", "tcsh"], /Allowed choices are bash, zsh, fish/],
    ["a server that is none", ["status", "--server", "http://somewhere"], /is no server/],
    [
      "a server that is none, and its password",
      ["status", "--server", "ftp://me:secret@somewhere"],
      /"ftp:\/\/somewhere" is no server/,
    ],
    [
      "credentials that cannot be read",
      ["status", "--creds", "/no/such.creds"],
      /credentials in \/no\/such\.creds cannot be read/,
    ],
    ["a key that is written wrongly", ["apply", file, "--agent", "pi-7", "--sign", "ops"], /KEYNAME=FILE/],
    [
      "a key that cannot be read",
      ["apply", file, "--agent", "pi-7", "--sign", "ops=/no/such.pem"],
      /no Ed25519 private key/,
    ],
    ["--once without a FILE", ["dev", "--once"], /--once applies a FILE/],
    ["a FILE that is not there", ["apply", "no-such.ts", "--agent", "pi-7"], /no-such\.ts: there is no such file/],
    ["a FILE that is not there, before anything is started", ["dev", "no-such.ts", "--once"], /there is no such file/],
    ["a kind that is none, with the nearest", ["kinds", "Fiel"], /Did you mean File\?/],
    ["a kind that is none", ["kinds", "Unrelated"], /This build knows File, Directory/],
    ["the agent, which is another program", ["agent", "run", "--id", "pi-7"], /harmony executable/],
    ["remove without a terminal and without --yes", ["remove", "pi-7"], /say --yes/],
  ])("%s", async (_, argv, message) => {
    const { code, out, err } = await harmony(argv);
    expect({ code, out }).toEqual({ code: 2, out: "" });
    expect(err).toMatch(message);
  });
});

const told = async (argv: readonly string[], env: Readonly<Record<string, string>>): Promise<string> =>
  (await harmony(["status", ...argv], { env })).err;

describe("the flags of all commands", () => {
  test("stand before or after the command's name", async () => {
    const after = await harmony(["kinds", "--json"]);
    expect(await harmony(["--json", "kinds"])).toEqual(after);
    expect(JSON.parse(after.out)).toMatchObject({ kinds: expect.any(Array) });
  });

  test("--server wins over HARMONY_SERVER, and an empty variable counts as none", async () => {
    expect(await told([], { HARMONY_SERVER: "nats://127.0.0.1:1" })).toContain("127.0.0.1:1");
    expect(await told(["--server", "nats://127.0.0.1:2"], { HARMONY_SERVER: "nats://127.0.0.1:1" })).toContain(
      "127.0.0.1:2",
    );
    expect(await told(["--server", "127.0.0.1:3"], { HARMONY_CREDS: "" })).toContain(
      "could not connect to 127.0.0.1:3",
    );
  });

  test("a server that is not there ends with 4 and says what to do", async () => {
    const { code, out, err } = await harmony(["status", "pi-7", "--json", "--server", "nats://127.0.0.1:1"]);
    expect({ code, out }).toEqual({ code: 4, out: "" });
    expect(err).toMatch(/could not connect to nats:\/\/127\.0\.0\.1:1[^]*HARMONY_SERVER/);
  });

  test("colours are for terminals alone, and not with --no-color or NO_COLOR", async () => {
    const cwd = folder();
    const plain = await harmony(["apply", "none.ts", "--agent", "a"], { cwd });
    expect(plain.err).not.toContain("\u001b");
    expect((await harmony(["apply", "none.ts", "--agent", "a"], { cwd, terminal: true })).err).toContain(
      "\u001b[31merror:",
    );
    expect(await harmony(["apply", "none.ts", "--agent", "a", "--no-color"], { cwd, terminal: true })).toEqual(plain);
    expect(
      await harmony(["apply", "none.ts", "--agent", "a"], { cwd, terminal: true, env: { NO_COLOR: "1" } }),
    ).toEqual(plain);
    expect(await harmony(["apply", "none.ts", "--agent", "a"], { cwd, terminal: true, env: { TERM: "dumb" } })).toEqual(
      plain,
    );
  });
});

test("what a FILE does to the terminal is shown and not sent", async () => {
  const cwd = folder({ "bad.ts": 'throw new Error("\\u001b[2Jboo\\u0007");\n' });
  const { code, err } = await harmony(["apply", "bad.ts", "--agent", "a"], { cwd });
  expect(code).toBe(2);
  expect(err).not.toContain("\u001b");
  expect(err).toContain("boo");
});

test("kinds lists kinds, and shows one with its schema and requirement", async () => {
  const file = { kind: "File", version: 1, requires: ["FileSystemHost"] };
  expect(JSON.parse((await harmony(["kinds", "--json"])).out)).toEqual({ kinds: expect.arrayContaining([file]) });
  expect(JSON.parse((await harmony(["kinds", "File", "--json"])).out)).toMatchObject({
    kind: "File",
    version: 1,
    requires: ["FileSystemHost"],
    spec: { type: "object", required: ["path", "content"] },
  });
  expect((await harmony(["kinds"])).out).toMatch(/^File +1 +FileSystemHost$/m);
  expect((await harmony(["kinds", "Directory"])).out).toMatch(/^Directory@1 requires FileSystemHost$/m);
});

test("a manifest that is one in every respect gets as far as the server", async () => {
  const cwd = folder({ "ok.ts": manifestOf({ a: ["/a", "x"] }) });
  expect((await harmony(["apply", "ok.ts", "--agent", "pi-7", "--server", "nats://127.0.0.1:1"], { cwd })).code).toBe(
    4,
  );
  expect((await harmony(["plan", "ok.ts", "--agent", "pi-7", "--server", "nats://127.0.0.1:1"], { cwd })).code).toBe(4);
});
