import { readFileSync, statSync, writeFileSync } from "node:fs";
import { createPublicKey, X509Certificate } from "node:crypto";
import { join } from "node:path";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { endsSoon } from "../../../src/cli/fleet-setup/certificates.ts";
import { readAuthors } from "../../../src/wire/authors.ts";
import { enrolmentCode, readEnrolmentCode } from "../../../src/wire/enrolment.ts";
import { AgentId } from "../../../src/wire/keys.ts";
import { makeUserKey, publicKeyOf } from "../../../src/wire/nats/nkey.ts";
import { makeKeyPair } from "../../../src/wire/secrets/hpke.ts";
import { sealingKeyOf } from "../../../src/wire/secrets/sealed.ts";
import { eventually } from "../../agent/support/eventually.ts";
import { folder, harmony } from "../in-process.ts";

const codeOf = (id: string): string => enrolmentCode({ id: AgentId.parse(id), key: makeUserKey().publicKey });
const fleetIn = async (): Promise<string> => {
  const cwd = folder();
  const made = await harmony(["fleet", "init", "--host", "nats.example.org"], { cwd });
  expect([made.code, made.err]).toEqual([0, expect.anything()]);
  return cwd;
};

describe("harmony fleet init", () => {
  test("makes keys that only their owner can read, a certificate for the host, and says what to keep safe", async () => {
    const cwd = folder();
    const { code, out, err } = await harmony(["fleet", "init", "--host", "nats.example.org", "--json"], { cwd });
    expect([code, err]).toEqual([0, expect.stringContaining("Keep safe")]);
    const document: { keys: Record<string, string> } = JSON.parse(out);
    expect(document).toMatchObject({ server: "tls://nats.example.org:4222" });
    for (const [name, key] of Object.entries(document.keys)) {
      const file = join(cwd, "fleet/keys", `${name}.creds`);
      expect(statSync(file).mode & 0o777).toBe(0o600);
      const [, seed = ""] = /\n(SU\w+)\n/.exec(readFileSync(file, "utf8")) ?? [];
      expect(publicKeyOf(seed)).toBe(key);
    }
    expect(statSync(join(cwd, "fleet")).mode & 0o777).toBe(0o700);
    const pem = readFileSync(join(cwd, "fleet/tls/server.pem"), "utf8");
    const certificate = new X509Certificate(pem);
    const authority = new X509Certificate(readFileSync(join(cwd, "fleet/device/ca.pem")));
    const authors = readAuthors(readFileSync(join(cwd, "fleet/device/authors.json")));
    const signing = createPublicKey(readFileSync(join(cwd, "fleet/keys/author.pem")));
    expect(authors).toMatchObject({ keys: [{ name: "author", notAfter: Infinity }] });
    expect(authors._tag === "Authors" && authors.keys[0]?.publicKey.equals(signing)).toBe(true);
    expect(certificate.checkHost("nats.example.org")).toBe("nats.example.org");
    expect(certificate.checkIP("127.0.0.1")).toBe("127.0.0.1");
    expect([certificate.verify(authority.publicKey), certificate.ca, authority.ca]).toEqual([true, false, true]);
    expect(endsSoon(pem, new Date())).toBe(false);
    expect(endsSoon(pem, new Date(Date.parse(certificate.validTo) - 1000))).toBe(true);
  });

  test("overwrites nothing", async () => {
    const cwd = await fleetIn();
    const before = readFileSync(join(cwd, "fleet/fleet.json"), "utf8");
    const again = await harmony(["fleet", "init"], { cwd });
    expect([again.code, again.err]).toEqual([1, expect.stringContaining("nothing is overwritten")]);
    expect(readFileSync(join(cwd, "fleet/fleet.json"), "utf8")).toBe(before);
  });

  test("refuses a host or a port that is none", async () => {
    for (const wrong of [
      ["--host", "two words"],
      ["--host", "a:4222"],
      ["--port", "0"],
      ["--listen", '"'],
    ]) {
      expect((await harmony(["fleet", "init", ...wrong], { cwd: folder() })).code).toBe(2);
    }
  });
});

describe("harmony fleet accept and revoke", () => {
  test("change who is in the server's configuration, and say that no server knows yet", async () => {
    const cwd = await fleetIn();
    const config = (): string => readFileSync(join(cwd, "fleet/nats-server.conf"), "utf8");
    const code = codeOf("pi-7");
    const accepted = await harmony(["fleet", "accept", code, "--json"], { cwd });
    const key = readEnrolmentCode(code)?.key ?? "";
    const notAfter = expect.stringMatching(/^\d{4}-/);
    expect([accepted.code, JSON.parse(accepted.out)]).toEqual([
      0,
      { agentId: "pi-7", key, notAfter, server: "NotRunning" },
    ]);
    expect(config()).toContain(key);
    expect((await harmony(["fleet", "accept", code], { cwd })).code).toBe(0);
    expect((await harmony(["fleet", "revoke", "pi-7"], { cwd })).code).toBe(0);
    expect(config()).not.toContain(key);
    const again = await harmony(["fleet", "revoke", "pi-7"], { cwd });
    expect([again.code, again.err]).toEqual([1, expect.stringContaining("no device of the fleet is pi-7")]);
  });

  test("refuse a second device of one id, one key under two ids, a code that is none, and a directory that is none", async () => {
    const cwd = await fleetIn();
    const code = codeOf("pi-7");
    await harmony(["fleet", "accept", code], { cwd });
    expect((await harmony(["fleet", "accept", codeOf("pi-7")], { cwd })).err).toContain("--replace");
    const key = readEnrolmentCode(code)?.key ?? makeUserKey().publicKey;
    const same = await harmony(["fleet", "accept", enrolmentCode({ id: AgentId.parse("pi-8"), key })], { cwd });
    expect([same.code, same.err]).toEqual([1, expect.stringContaining("this key is that of pi-7")]);
    expect((await harmony(["fleet", "accept", code.slice(0, -1)], { cwd })).code).toBe(2);
    expect((await harmony(["fleet", "accept", code, "--dir", "none"], { cwd })).err).toContain("harmony fleet init");
  });

  test("let a member of a pair work with the keys of the pair, which has an id of its own", async () => {
    const cwd = await fleetIn();
    const code = codeOf("pi-7");
    expect((await harmony(["fleet", "accept", code, "--pair", "pi-7"], { cwd })).code).toBe(1);
    expect((await harmony(["fleet", "accept", code, "--pair", "gate"], { cwd })).code).toBe(0);
    const config = readFileSync(join(cwd, "fleet/nats-server.conf"), "utf8");
    expect(config).toContain('"$KV.heartbeat.gate"');
    const taken = await harmony(["fleet", "accept", codeOf("gate")], { cwd });
    expect([taken.code, taken.err]).toEqual([1, expect.stringContaining("gate is the id of a pair")]);
    const other = await harmony(["fleet", "accept", codeOf("pi-8"), "--pair", "pi-7"], { cwd });
    expect([other.code, other.err]).toEqual([1, expect.stringContaining("pi-7 is the id of an agent")]);
  });

  test("keep for authors what the secrets of each device are sealed for, as it has shown it", async () => {
    const cwd = await fleetIn();
    const { publicKey: key } = makeUserKey();
    const id = AgentId.parse("pi-7");
    const [sealingKey, other] = [sealingKeyOf(makeKeyPair()), sealingKeyOf(makeKeyPair())];
    const accepted = async (code: string, ...more: readonly string[]) => {
      expect((await harmony(["fleet", "accept", code, ...more], { cwd })).code).toBe(0);
      const { devices }: { devices: Record<string, { sealingKeys: string[] }> } = JSON.parse(
        readFileSync(join(cwd, "fleet/known-devices.json"), "utf8"),
      );
      return devices["pi-7"]?.sealingKeys;
    };
    expect(await accepted(enrolmentCode({ id, key }))).toBeUndefined();
    expect(await accepted(enrolmentCode({ id, key, sealingKey }))).toEqual([sealingKey]);
    // A code that does not say takes nothing back, and a device that was set up anew starts afresh.
    expect(await accepted(enrolmentCode({ id, key }))).toEqual([sealingKey]);
    expect(await accepted(enrolmentCode({ id, key, sealingKey: other }))).toEqual([other]);
    expect(await accepted(codeOf("pi-7"), "--replace")).toBeUndefined();
  });

  test("wait for nobody: while another command changes the fleet, they say so", async () => {
    const cwd = await fleetIn();
    writeFileSync(join(cwd, "fleet/fleet.lock"), "");
    const { code, err } = await harmony(["fleet", "accept", codeOf("pi-7")], { cwd });
    expect([code, err]).toEqual([1, expect.stringContaining("fleet.lock")]);
  });

  test("do not take a fleet.json that somebody has spoilt", async () => {
    const cwd = await fleetIn();
    writeFileSync(join(cwd, "fleet/fleet.json"), '{"version":1}');
    expect((await harmony(["fleet", "accept", codeOf("pi-7")], { cwd })).err).toContain("not as harmony writes it");
  });
});

describe("the end of keys", () => {
  const listed = async (cwd: string, ...words: readonly string[]) => {
    const { out } = await harmony(["fleet", "list", "--json", ...words], { cwd });
    const { keys }: { readonly keys: readonly { name: string; ending: string; notAfter: string | null }[] } =
      JSON.parse(out);
    return Object.fromEntries(keys.map(({ name, ending, notAfter }) => [name, [ending, notAfter]]));
  };
  const days = (at: unknown): number => Math.round((Date.parse(String(at)) - Date.now()) / 86_400_000);

  test("is 90 days away for devices and a year for people, unless it is said otherwise; operator and system have none", async () => {
    const cwd = await fleetIn();
    for (const [id, ...words] of [["pi-7"], ["pi-8", "--key-life", "30d"], ["pi-9", "--no-expiry"]] as const) {
      expect((await harmony(["fleet", "accept", codeOf(id), ...words], { cwd })).code).toBe(0);
    }
    const { "pi-7": usual, "pi-8": shorter, "pi-9": never, viewer, operator, system } = await listed(cwd);
    expect([usual, shorter, viewer].map((each) => days(each?.[1]))).toEqual([90, 30, 365]);
    expect([never, operator, system].map((each) => each?.[1])).toEqual([null, null, null]);
    expect(Object.keys(await listed(cwd, "--ending"))).toEqual([]);
    expect((await harmony(["fleet", "accept", codeOf("pi-6"), "--key-life", "soon"], { cwd })).code).toBe(2);
    expect((await harmony(["fleet", "rekey", "operator"], { cwd })).code).toBe(2);
  });

  test("that was not wanted is nowhere", async () => {
    const cwd = folder();
    await harmony(["fleet", "init", "--host", "nats.example.org", "--no-expiry"], { cwd });
    expect((await harmony(["fleet", "accept", codeOf("pi-7")], { cwd })).code).toBe(0);
    expect(Object.values(await listed(cwd)).map(([ending]) => ending)).toEqual(Array(6).fill("no end"));
  });

  test("can be set for a device that is in, and is told for a server of one's own, where nothing is renewed", async () => {
    const cwd = await fleetIn();
    const code = codeOf("pi-7");
    await harmony(["fleet", "accept", code, "--no-expiry"], { cwd });
    expect((await harmony(["fleet", "accept", code, "--key-life", "1s"], { cwd })).code).toBe(0);
    await eventually("it has ended", async () => (await listed(cwd))["pi-7"]?.[0] === "ended");
    const { out, err } = await harmony(["fleet", "serve", "--print"], { cwd });
    expect(out).not.toContain(readEnrolmentCode(code)?.key);
    expect(err).toMatch(/The key of pi-7 has ended[^]*There no key is renewed/);
  });
});

test("harmony fleet serve --print shows what a server of one's own needs, without secrets", async () => {
  const cwd = await fleetIn();
  const { code, out } = await harmony(["fleet", "serve", "--print"], { cwd });
  expect(code).toBe(0);
  expect(out).toMatch(/^system_account: SYS\naccounts \{/);
  expect(out).not.toMatch(/\bSU[A-Z2-7]{50}|PRIVATE/);
});

test("a code comes back as it was, and no part of it can be changed unnoticed", () => {
  const id = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?$/).map((each) => AgentId.parse(each));
  fc.assert(
    fc.property(id, fc.nat(), fc.stringMatching(/^[a-z0-9A-Z.-]$/), (each, place, letter) => {
      const shown = place % 2 === 0 ? {} : { sealingKey: sealingKeyOf(makeKeyPair()) };
      const enrolment = { id: each, key: makeUserKey().publicKey, ...shown };
      const code = enrolmentCode(enrolment);
      expect(readEnrolmentCode(` ${code}\n`)).toEqual(enrolment);
      const at = place % code.length;
      const spoilt = code.slice(0, at) + letter + code.slice(at + 1);
      if (spoilt !== code) expect(readEnrolmentCode(spoilt)).toBeNull();
    }),
  );
});
