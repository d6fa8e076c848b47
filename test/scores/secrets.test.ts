import { createHash } from "node:crypto";
import { beforeEach, describe, expect, test } from "vitest";
import type { PortError } from "../../src/capabilities/port-error.ts";
import { FileScore } from "../../src/scores/file.ts";
import { interpret, preview, retire } from "../../src/scores/interpret.ts";
import { InvalidSpec } from "../../src/scores/score.ts";
import { cannotOpen, onlySecrets, secret, type Secrets, useAndWipe } from "../../src/scores/secret.ts";
import { FakeFileSystem } from "../../src/testing/index.ts";
import { around } from "./surroundings.ts";

const path = "/etc/psk";
const CANARY = "correct horse battery";
const hashOf = (bytes: string | Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
const psk = (more: object = {}) => new FileScore({ path, content: secret("wifi-psk"), ...more });

/** Secrets as the agent has them opened. */
const opened = (values: Readonly<Record<string, string>>): Secrets => ({
  opens: ({ secret: name }) => name in values,
  matches: ({ secret: name }, sha256) => name in values && hashOf(values[name] ?? "") === sha256,
  version: () => "0".repeat(16),
  use: async (ref, work) => {
    const value = values[ref.secret];
    if (value === undefined) throw cannotOpen(ref);
    return useAndWipe(Buffer.from(value), work);
  },
});

let fs: FakeFileSystem;
const secrets = opened({ "wifi-psk": CANARY, other: "another one" });
const at = (more: object = {}) => around({ FileSystemHost: fs }, { secrets, ...more });
const tells = (value: unknown): boolean =>
  [CANARY, hashOf(CANARY)].some((text) => JSON.stringify(value).includes(text)) ||
  JSON.stringify(value).includes(`"size":${CANARY.length}`);
beforeEach(() => {
  fs = new FakeFileSystem();
  fs.put("/etc", { type: "directory" });
});

describe("a secret in a spec", () => {
  test("is its name alone, for its owner to read", () => {
    expect(psk().spec).toEqual({ path, content: { secret: "wifi-psk" }, mode: "0400", parents: false });
    expect(psk({ mode: "0440" }).spec.mode).toBe("0440");
    expect(new FileScore({ path, content: "" }).spec.mode).toBe("0644");
    expect(new FileScore(psk().spec).spec).toEqual(psk().spec);
  });

  test("is no name that is none, and nothing that everybody may read", () => {
    for (const name of ["", "Wifi", "a b", "../x", "constructor", "x".repeat(64)]) {
      expect(() => secret(name)).toThrow(/name/);
    }
    expect(() => psk({ mode: "0444" })).toThrow(InvalidSpec);
    expect(() => psk({ mode: "0444" })).toThrow(/mode/);
    expect(() => new FileScore({ path, content: { secret: "" } })).toThrow(InvalidSpec);
  });
});

describe("a File with a secret", () => {
  test("is written, found to be so, repaired, and tells neither its bytes, its hash nor its length", async () => {
    const first = await interpret(psk(), at());
    expect(first).toMatchObject({
      outcome: "SUCCESS",
      did: [{ do: "write", path, size: null, sha256: null, secret: "wifi-psk", replaces: null }],
      observed: { state: "present", size: null, sha256: null, secret: { name: "wifi-psk", isSo: true }, mode: "0400" },
    });
    expect(fs.tree()[path]).toMatchObject({ type: "file", text: CANARY, mode: "0400" });
    const second = await interpret(psk(), at());
    expect(second.outcome).toBe("NOOP");
    fs.put(path, { type: "file", text: "guess", mode: "0400" });
    const planned = await preview(psk(), at());
    expect(planned).toMatchObject({
      observed: { secret: { isSo: false }, size: null, sha256: null },
      steps: [{ do: "write", replaces: "unread" }],
    });
    const third = await interpret(psk(), at());
    expect(third.outcome).toBe("SUCCESS");
    expect([first, second, planned, third].filter(tells)).toEqual([]);
  });

  test("is not opened by a look, where nothing is there to compare", async () => {
    const refusing: Secrets = { ...secrets, use: () => expect.unreachable(), matches: () => expect.unreachable() };
    expect(await preview(psk(), at({ secrets: refusing }))).toMatchObject({ steps: [{ do: "write" }] });
  });

  test("fails with a sentence where its secret cannot be opened, and is removed all the same", async () => {
    await interpret(psk(), at());
    const lost = { secrets: opened({}) };
    const failed = await interpret(psk(), at(lost));
    expect(failed).toMatchObject({
      outcome: "FAILURE",
      failure: { _tag: "PortFailed", problem: { code: "Unavailable", retryable: false } },
    });
    expect(fs.tree()[path]).toMatchObject({ text: CANARY });
    expect(await retire(psk(), new Set([`path:${path}`]), at(lost))).toMatchObject({ outcome: "SUCCESS" });
    expect(fs.tree()[path]).toBeUndefined();
  });

  test("leaves what somebody else put there, when it never came to write", async () => {
    fs.put(path, { type: "file", text: "theirs" });
    expect(await retire(psk(), new Set(), at())).toMatchObject({ outcome: "NOOP" });
    expect(fs.tree()[path]).toMatchObject({ text: "theirs" });
  });

  test("tells nothing of the secret when other content takes its place", async () => {
    await interpret(psk(), at());
    const plain = new FileScore({ path, content: "no secret any more, and a good deal longer" });
    const planned = await preview(plain, at());
    expect(planned).toMatchObject({ observed: { sha256: null }, steps: [{ do: "write", replaces: "unread" }] });
    const outcome = await interpret(plain, at());
    expect(outcome.outcome).toBe("SUCCESS");
    expect([planned, outcome].filter((each) => JSON.stringify(each).includes(hashOf(CANARY)))).toEqual([]);
  });
});

test("a Score gets at the secrets alone that its spec refers to", async () => {
  const own = onlySecrets(["wifi-psk"], secrets);
  expect(await own.use(secret("wifi-psk"), (bytes) => bytes.length)).toBe(CANARY.length);
  const other = secret("other");
  for (const reach of [
    () => own.use(other, (bytes) => bytes.length),
    async () => own.matches(other, hashOf("another one")),
    async () => own.opens(other),
    async () => own.version(other),
    () => onlySecrets([], secrets).use(secret("wifi-psk"), (bytes) => bytes.length),
  ]) {
    await expect(reach()).rejects.toThrow(/not among those|cannot be opened/);
  }
});

test("what cannot be opened is told with what to do about it", () => {
  const { problem }: PortError = cannotOpen(secret("wifi-psk"));
  expect(problem).toMatchObject({ blame: "author", next: expect.stringContaining("--secret wifi-psk=FILE") });
});
