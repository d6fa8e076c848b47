import { generateKeyPairSync } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { inlineEnvelope } from "../../src/wire/encode.ts";
import { InlineEnvelope } from "../../src/wire/envelope.ts";
import { sign } from "../../src/wire/signature.ts";
import { planSubject } from "../../src/wire/keys.ts";
import { writeDocument } from "../../src/wire/status.ts";
import { agentStatus, PI } from "../fleet/scripted-agent.ts";
import { folder, harmony, manifestOf } from "./in-process.ts";
import { json, ScriptedFleet } from "./scripted-fleet.ts";

const keys = {
  ada: generateKeyPairSync("ed25519"),
  ben: generateKeyPairSync("ed25519"),
  pi: generateKeyPairSync("ed25519"),
};
const pem = (name: keyof typeof keys): string =>
  keys[name].publicKey.export({ type: "spki", format: "pem" }).toString();

/** A manifest m.ts, private and public keys, authors, a policy that needs both for a File. */
const place = (): string =>
  folder({
    "m.ts": manifestOf({ a: ["/a", "1"], b: ["/b", "2"] }),
    ...Object.fromEntries(
      (["ada", "ben", "pi"] as const).flatMap((name) => [
        [`${name}.pem`, keys[name].privateKey.export({ type: "pkcs8", format: "pem" }).toString()],
        [`${name}.pub`, pem(name)],
      ]),
    ),
    "authors.json": JSON.stringify({
      authors: [
        { name: "ada", publicKey: pem("ada") },
        { name: "ben", publicKey: pem("ben"), notAfter: "2099-01-01T00:00:00Z" },
      ],
    }),
    "policy.json": '{"signatures":{"dangerous":["File"],"threshold":2}}',
  });
const AUTHORS = ["--authors", "authors.json"];
const sign1 = ["sign", "m.ts", "--agent", "pi-7", "--sign", "ada=ada.pem"];
const textIn = (cwd: string, file: string) => InlineEnvelope.parse(json(readFileSync(join(cwd, file), "utf8")));

describe("harmony sign", () => {
  test("makes a bundle that a second author signs without a byte of its text changed", async () => {
    const cwd = place();
    const first = await harmony([...sign1, "--generation", "8", "-o", "bundle.json"], { cwd });
    expect(first).toMatchObject({ code: 0, out: "" });
    expect(first.err).toMatch(/^generation 8 of pi-7, issued at \S+, Scores a, b, signed by ada\nIt is in bundle.json/);
    const { payload } = textIn(cwd, "bundle.json");
    expect(json(payload)).toMatchObject({ agentId: "pi-7", generation: 8 });
    const again = ["sign", "bundle.json", "--sign", "ben=ben.pem", "-o", "both.json", "--json"];
    const second = await harmony(again, { cwd });
    expect([second.code, json(second.out)]).toMatchObject([
      0,
      { signedBy: ["ada", "ben"], file: "both.json", scores: ["a", "b"] },
    ]);
    expect(textIn(cwd, "both.json")).toMatchObject({ payload, signatures: [{ key: "ada" }, { key: "ben" }] });
    // Who signs again takes the place of their own signature.
    await harmony(["sign", "both.json", "--sign", "ada=ada.pem", "-o", "both.json"], { cwd });
    expect(textIn(cwd, "both.json").signatures.map(({ key }) => key)).toEqual(["ben", "ada"]);
  });

  test("writes to standard output without -o, under generation 1", async () => {
    const { code, out } = await harmony(sign1, { cwd: place() });
    expect([code, json(InlineEnvelope.parse(json(out)).payload)]).toMatchObject([0, { generation: 1 }]);
  });

  test.each([
    ["nobody to sign", ["sign", "m.ts", "--agent", "pi-7"], "--sign is missing"],
    ["no agent", ["sign", "m.ts", "--sign", "ada=ada.pem"], "--agent is missing"],
    ["a generation of none", [...sign1, "--generation", "0"], "whole number"],
    ["a public key", ["sign", "m.ts", "--agent", "pi-7", "--sign", "ada=ada.pub"], "holds no Ed25519 private key"],
    ["a file that is no bundle", ["sign", "policy.json", "--sign", "ada=ada.pem"], "is no bundle"],
  ])("with %s is wrong usage", async (_, argv, words) => {
    const { code, err } = await harmony(argv, { cwd: place() });
    expect([code, err]).toEqual([2, expect.stringContaining(words)]);
  });

  test("changes neither whom a bundle is for nor its generation", async () => {
    const cwd = place();
    await harmony([...sign1, "-o", "bundle.json"], { cwd });
    const more = ["sign", "bundle.json", "--sign", "ben=ben.pem"];
    expect(await harmony([...more, "--agent", "pi-8"], { cwd })).toMatchObject({ code: 1, out: "" });
    expect(await harmony([...more, "--generation", "9"], { cwd })).toMatchObject({ code: 2, out: "" });
  });
});

describe("harmony verify", () => {
  const verified = async (cwd: string, argv: readonly string[]): Promise<unknown> => {
    const { code, out } = await harmony(["verify", ...argv, "--json"], { cwd });
    const told: unknown = out === "" ? null : json(out);
    return [code, told];
  };

  test("says who signed what is good, and by name what is wrong", async () => {
    const cwd = place();
    await harmony([...sign1, "-o", "bundle.json"], { cwd });
    expect(await verified(cwd, ["bundle.json", ...AUTHORS])).toMatchObject([
      0,
      {
        holds: "Manifest",
        verified: true,
        agentId: "pi-7",
        generation: 1,
        signedBy: ["ada"],
        refusal: null,
        refused: {},
      },
    ]);
    const said = await harmony(["verify", "bundle.json", ...AUTHORS], { cwd });
    expect(said.err).toMatch(/^generation 1 of pi-7, issued at \S+, Scores a, b, signed by ada\n$/);
    const wrong = async (argv: readonly string[], reason: string): Promise<void> => {
      expect(await verified(cwd, argv)).toMatchObject([1, { verified: false, refusal: { reason } }]);
    };
    await wrong(["bundle.json", "--trust", "ben=ben.pub"], "UnknownKey");
    await wrong(["bundle.json", "--trust", "ada=ben.pub"], "BadSignature");
    await wrong(["bundle.json", ...AUTHORS, "--agent", "pi-8"], "WrongAgent");
    const bundle = textIn(cwd, "bundle.json");
    writeFileSync(join(cwd, "bad.json"), JSON.stringify({ ...bundle, payload: bundle.payload.replace("/a", "/x") }));
    await wrong(["bad.json", ...AUTHORS], "BadSignature");
    writeFileSync(join(cwd, "none.json"), JSON.stringify({ ...bundle, signatures: [] }));
    await wrong(["none.json", ...AUTHORS], "Unsigned");
    const old = { authors: [{ name: "ada", publicKey: pem("ada"), notAfter: "2020-01-01T00:00:00Z" }] };
    writeFileSync(join(cwd, "old.json"), JSON.stringify(old));
    await wrong(["bundle.json", "--authors", "old.json"], "KeyExpired");
  });

  test("with a policy tells which Scores need another author", async () => {
    const cwd = place();
    await harmony([...sign1, "-o", "bundle.json"], { cwd });
    const argv = ["bundle.json", ...AUTHORS, "--policy", "policy.json"];
    expect(await verified(cwd, argv)).toMatchObject([
      1,
      { verified: false, refusal: null, refused: { a: { reason: "ThresholdNotMet" } } },
    ]);
    await harmony(["sign", "bundle.json", "--sign", "ben=ben.pem", "-o", "bundle.json"], { cwd });
    expect(await verified(cwd, argv)).toMatchObject([0, { signedBy: ["ada", "ben"] }]);
  });

  test("holds a status against the key of its own device", async () => {
    const cwd = place();
    const report = (agentId: string, key: string): void => {
      const payload = JSON.stringify({
        agentId,
        at: "2026-12-01T00:00:00.000Z",
        status: { ...agentStatus({ generation: 3 }), agentId },
      });
      writeFileSync(join(cwd, "status.json"), inlineEnvelope(payload, [sign(payload, key, keys.pi.privateKey)]));
    };
    const trust = ["status.json", "--trust", "pi-7=pi.pub", "--trust", "pi-8=ada.pub"];
    report("pi-7", "pi-7");
    expect(await verified(cwd, trust)).toMatchObject([
      0,
      { holds: "Status", verified: true, agentId: "pi-7", signedBy: ["pi-7"], status: { generation: 3 } },
    ]);
    expect(await verified(cwd, [...trust, "--agent", "pi-8"])).toMatchObject([
      1,
      { refusal: { reason: "WrongAgent" } },
    ]);
    // One device in another one's name.
    report("pi-8", "pi-7");
    expect(await verified(cwd, trust)).toMatchObject([1, { refusal: { reason: "UnknownKey" } }]);
    report("pi-8", "pi-8");
    expect(await verified(cwd, trust)).toMatchObject([1, { refusal: { reason: "BadSignature" } }]);
  });

  test.each([
    ["nobody to trust", ["verify", "m.ts"], "nobody is trusted"],
    ["a manifest's source", ["verify", "m.ts", ...AUTHORS], "m.ts is no bundle"],
    ["authors that cannot be read", ["verify", "m.ts", "--authors", "policy.json"], "policy.json: "],
    ["a key that is none", ["verify", "m.ts", "--trust", "ada=m.ts"], "m.ts holds no Ed25519 public key"],
  ])("with %s is wrong usage", async (_, argv, words) => {
    const { code, err } = await harmony(argv, { cwd: place() });
    expect([code, err]).toEqual([2, expect.stringContaining(words)]);
  });
});

describe("harmony apply of a bundle", () => {
  const fleet = new ScriptedFleet();

  test("ships it byte for byte, waits, and ships more signatures of the same text", async () => {
    await fleet.begin({ trustedKeys: new Map([["ada", keys.ada.publicKey]]) });
    const cwd = place();
    // What other tests have left in the keys counts on.
    await harmony([...sign1, "--generation", "5", "-o", "bundle.json"], { cwd });
    const done = await fleet.run(["apply", "bundle.json", "--agent", "pi-7"], { cwd });
    expect(done.err).toContain("pi-7 has converged on generation 5");
    expect(done.code).toBe(0);
    const found = await fleet.device.get("desired-state", "pi-7");
    const stored = found._tag === "Value" ? Buffer.from(found.value).toString() : found._tag;
    expect(stored).toBe(readFileSync(join(cwd, "bundle.json"), "utf8").trimEnd());
    await harmony(["sign", "bundle.json", "--sign", "ben=ben.pem", "-o", "bundle.json"], { cwd });
    expect((await fleet.run(["apply", "bundle.json", "--agent", "pi-7"], { cwd })).code).toBe(0);
    expect(fleet.agent?.accepted.map(({ generation }) => generation)).toEqual([5, 5]);
  });

  test("may be asked about before: the very bundle goes to the agent, which changes nothing", async () => {
    await fleet.begin(null);
    const cwd = place();
    await harmony([...sign1, "--generation", "7", "-o", "bundle.json"], { cwd });
    const asked: string[] = [];
    const stop = fleet.device.serve(planSubject(PI), async (request) => {
      asked.push(Buffer.from(request).toString());
      return writeDocument({ _tag: "Refused", reason: "ThresholdNotMet", message: "too few" });
    });
    const plan = ["plan", "bundle.json", "--agent", "pi-7"];
    const said = await fleet.run(plan, { cwd });
    stop();
    expect([said.code, said.err]).toEqual([1, expect.stringContaining("ThresholdNotMet: too few")]);
    expect(asked).toEqual([readFileSync(join(cwd, "bundle.json"), "utf8").trimEnd()]);
    expect((await fleet.run([...plan, "--sign", "ben=ben.pem"], { cwd })).code).toBe(2);
  });

  test("is refused for another agent, and below what is known", async () => {
    await fleet.begin();
    const cwd = place();
    await harmony([...sign1, "--generation", "3", "-o", "old.json"], { cwd });
    await harmony([...sign1, "--generation", "4", "-o", "new.json"], { cwd });
    const other = await fleet.run(["apply", "old.json", "--agent", "pi-8"], { cwd });
    expect([other.code, other.err]).toEqual([1, expect.stringContaining("WrongAgent: the bundle is for agent pi-7")]);
    expect((await fleet.run(["apply", "new.json", "--agent", "pi-7"], { cwd })).code).toBe(0);
    const old = await fleet.run(["apply", "old.json", "--agent", "pi-7"], { cwd });
    expect([old.code, old.err]).toEqual([1, expect.stringMatching(/StaleGeneration: .*--generation 5/)]);
    const signed = await fleet.run(["apply", "new.json", "--agent", "pi-7", "--sign", "ben=ben.pem"], { cwd });
    expect([signed.code, signed.err]).toEqual([2, expect.stringContaining("harmony sign adds a signature")]);
  });
});
