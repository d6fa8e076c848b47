import { generateKeyPairSync } from "node:crypto";
import { expect, test } from "vitest";
import { cleaner } from "../../../src/agent/logs/cleaning.ts";
import { LINE_CHARACTERS } from "../../../src/wire/logs.ts";
import { canary, foundIn } from "../../support/canary.ts";

const SECRET = canary("logged");

function cleaned(texts: readonly string[], secrets: readonly string[] = [SECRET]) {
  const clean = cleaner(secrets);
  const within = { key: false };
  return texts.map((text, nth) =>
    clean({ _tag: "Entry", cursor: String(nth), at: "2026-12-01T00:00:00.000Z", text }, within),
  );
}

test("a secret is taken out however it is spelt, and wherever it stands", () => {
  const texts = [
    SECRET,
    `before ${SECRET} after`,
    JSON.stringify({ token: SECRET }),
    `https://host/?k=${encodeURIComponent(SECRET)}`,
    `Basic ${Buffer.from(SECRET).toString("base64")}`,
    `twice ${SECRET}${SECRET}`,
  ];
  const lines = cleaned(texts).map(({ text }) => text);
  expect(lines.flatMap((line) => foundIn(line, SECRET))).toEqual([]);
  expect(lines[1]).toBe("before [redacted] after");
});

test("without the line feed that a file ends with, and line by line, it is the same secret", () => {
  const lines = cleaned(
    ["got hunter2-hunter2", "user=someone", "and the second line here"],
    ["hunter2-hunter2\n", "short\nthe second line\n"],
  );
  expect(lines.map(({ text }) => text)).toEqual(["got [redacted]", "user=someone", "and [redacted] here"]);
});

test("a private key is taken out line by line, also where the reading begins within it", () => {
  const { privateKey } = generateKeyPairSync("rsa", {
    modulusLength: 2048,
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
    publicKeyEncoding: { type: "spki", format: "pem" },
  });
  const pem = privateKey.trim().split("\n");
  const body = pem.slice(1, -1);
  for (const printed of [pem, pem.slice(3)]) {
    const shown = cleaned(["started", ...printed, "Ready"], []).map(({ text }) => text);
    for (const line of body) expect(shown.join("\n")).not.toContain(line);
    expect([shown[0], shown.at(-1)]).toEqual(["started", "Ready"]);
  }
});

test("a long line is cut, says how much it lacks, and never in the middle of a secret", () => {
  const [long] = cleaned(["x".repeat(10_000)]);
  expect(long).toMatchObject({ text: "x".repeat(LINE_CHARACTERS), cut: 10_000 - LINE_CHARACTERS });
  for (let shift = 0; shift < 60; shift += 1) {
    for (const around of [LINE_CHARACTERS, LINE_CHARACTERS + 1024]) {
      const text = `${"y".repeat(around - 30 + shift)}${SECRET}${"z".repeat(3000)}`;
      const [line] = cleaned([text]);
      expect(line?.text.length).toBeLessThanOrEqual(LINE_CHARACTERS);
      expect(foundIn(line?.text ?? "", SECRET)).toEqual([]);
      expect(line?.text).not.toContain("cAn4");
    }
  }
});
