import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { longestSpelling, redact, REDACTED } from "../../src/scores/redaction.ts";

const secrets = fc.array(fc.string({ unit: "grapheme", minLength: 6, maxLength: 24 }), { minLength: 1, maxLength: 3 });
/** Of characters that none of the secrets below has. */
const around = fc.string({ unit: fc.constantFrom("\n", "\t", "|"), maxLength: 12 });
const spelled = (secret: string): readonly string[] => [
  secret,
  encodeURIComponent(secret),
  JSON.stringify(secret),
  Buffer.from(secret).toString("base64"),
];

describe("no secret is left", () => {
  test("however it is spelt, and wherever it stands", () => {
    fc.assert(
      fc.property(secrets, fc.array(around, { minLength: 2 }), fc.nat(3), (hidden, between, spelling) => {
        const text = between.join(spelled(hidden[0] ?? "")[spelling]);
        const shown = redact(text, hidden);
        expect(
          hidden.filter((secret) => secret.trim() !== "" && !REDACTED.includes(secret) && shown.includes(secret)),
        ).toEqual([]);
        const plain = spelled(hidden[0] ?? "")[spelling] ?? "";
        expect(plain.length > 8 && shown.includes(plain)).toBe(false);
      }),
    );
  });

  test("also where two of them overlap", () => {
    expect(redact("xabcdefghiy", ["abcdef", "defghi"])).toBe(`x${REDACTED}y`);
  });

  test("also not the rest of one that was cut in two", () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z]{6,20}$/), fc.nat(100), (secret, keep) => {
        const whole = `${"-".repeat(40)}${secret}${"-".repeat(40)}`;
        const longest = longestSpelling([secret]);
        const end = whole.slice(-Math.max(longest + 1, keep));
        const shown = redact(end, [secret], end.length < whole.length ? longest : 0);
        expect(shown.replaceAll(REDACTED, "")).toMatch(/^-*$/);
      }),
    );
  });
});

test("a text without secrets is left as it is", () => {
  const text = "Reading package lists...\nE: Unable to locate package foo\n/etc/passwd: 12 users, tokens: none\n";
  expect(redact(text, ["hunter22"])).toBe(text);
  expect(redact("exit 3 after 12 s", [])).toBe("exit 3 after 12 s");
});

describe("what looks like a secret is taken out:", () => {
  const key = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXk\nAAAA\n-----END OPENSSH PRIVATE KEY-----";
  test.each([
    ["a password in a URL", "nats://me:s3cr3t!@host:4222/", "nats://me:[redacted]@host:4222/"],
    ["an assignment", "export DB_PASSWORD='p w'", "export DB_PASSWORD='[redacted] w'"],
    ["a field of JSON", '{"apiKey": "abc", "a": 1}', '{"apiKey": "[redacted]", "a": 1}'],
    ["a header", "Authorization: Bearer abc.def-ghi", "Authorization: Bearer [redacted]"],
    ["a token of GitHub", `ghp_${"a1".repeat(18)}.`, "[redacted]."],
    ["a JWT", `x eyJhbGciOiJI.eyJzdWIiOiI.sig-x y`, "x [redacted] y"],
    ["a seed of NATS", `SU${"A2".repeat(28)} y`, "[redacted] y"],
    ["a private key", `a ${key} b`, "a [redacted] b"],
    ["a private key that goes on", `a ${key.slice(0, 50)}`, "a [redacted]"],
  ])("%s", (_, text, shown) => {
    expect(redact(text, [])).toBe(shown);
  });

  test("a private key of which only the end is there", () => {
    expect(redact(`${key.slice(20)}\nend`, [], 1)).toBe("\nend");
  });
});
