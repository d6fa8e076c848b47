import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { SECRET_LIMIT_BYTES } from "../../../src/scores/secret.ts";
import { AgentId } from "../../../src/wire/keys.ts";
import { keyPairOf, makeKeyPair } from "../../../src/wire/secrets/hpke.ts";
import {
  keyIdOf,
  type OwnKeys,
  SealedForAll,
  sealFor,
  SealingKey,
  sealingKeyOf,
  unseal,
  versionOf,
} from "../../../src/wire/secrets/sealed.ts";

const about = { agentId: AgentId.parse("pi-7"), name: "wifi-psk" };
const pair = makeKeyPair();
const key = sealingKeyOf(pair);
const ownKeys = (...pairs: readonly ReturnType<typeof makeKeyPair>[]): OwnKeys =>
  new Map(pairs.map((each) => [keyIdOf(sealingKeyOf(each)), each]));

test("what is sealed travels as JSON, passes the schema, and is opened with its key", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 300 }), (bytes) => {
      const travelled: unknown = JSON.parse(JSON.stringify(sealFor(bytes, [key], about)));
      const opened = unseal(SealedForAll.parse(travelled), ownKeys(pair), about);
      expect(opened).toEqual({ _tag: "Opened", bytes: Buffer.from(bytes) });
    }),
  );
});

test("the largest secret passes the schema", () => {
  const sealed = sealFor(Buffer.alloc(SECRET_LIMIT_BYTES, 1), [key], about);
  expect(SealedForAll.parse(sealed)).toEqual(sealed);
  expect(SealedForAll.safeParse(sealFor(Buffer.alloc(SECRET_LIMIT_BYTES + 3), [key], about)).success).toBe(false);
});

describe("what cannot be opened", () => {
  const sealed = sealFor(Buffer.from("x"), [key], about);

  test("is for other keys", () => {
    expect(unseal(sealed, ownKeys(makeKeyPair()), about)).toEqual({ _tag: "NotForThisDevice" });
    expect(unseal(sealed, new Map(), about)).toEqual({ _tag: "NotForThisDevice" });
  });

  test("or was sealed under another name, for another agent, or is damaged", () => {
    const own = ownKeys(pair);
    expect(unseal(sealed, own, { ...about, name: "other" })).toEqual({ _tag: "Damaged" });
    expect(unseal(sealed, own, { ...about, agentId: AgentId.parse("pi-8") })).toEqual({ _tag: "Damaged" });
    const cut = sealed.map((each) => ({ ...each, sealed: each.sealed.replace(/^./, (c) => (c === "A" ? "B" : "A")) }));
    expect(unseal(cut, own, about)).toEqual({ _tag: "Damaged" });
  });
});

test("a device with several keys opens what is sealed for any of them", () => {
  const newer = makeKeyPair();
  const own = ownKeys(newer, pair);
  expect(unseal(sealFor(Buffer.from("old"), [key], about), own, about)).toMatchObject({ _tag: "Opened" });
  const both = sealFor(Buffer.from("new"), [sealingKeyOf(newer), key], about);
  expect(unseal(both, ownKeys(pair), about)).toEqual({ _tag: "Opened", bytes: Buffer.from("new") });
});

test("a key and its id are as they were always written", () => {
  const known = sealingKeyOf(keyPairOf(Buffer.alloc(32, 7)));
  expect([known, keyIdOf(known)]).toMatchInlineSnapshot(`
    [
      "E75P6uryBMf9M1j8nAByGIHRdCeBKCJ-xnTzf3_pe20",
      "0f6d2553ff0c0f447ae202edd84383e1",
    ]
  `);
  expect(SealingKey.safeParse(known).success).toBe(true);
  for (const wrong of ["", `${known}=`, known.slice(1), `${known.slice(0, 42)}B`]) {
    expect(SealingKey.safeParse(wrong).success).toBe(false);
  }
});

test("each sealing has a version of its own, and the same one has always the same", () => {
  const sealed = sealFor(Buffer.from("x"), [key], about);
  expect(versionOf(sealed)).toBe(versionOf(SealedForAll.parse(JSON.parse(JSON.stringify(sealed)))));
  expect(versionOf(sealed)).not.toBe(versionOf(sealFor(Buffer.from("x"), [key], about)));
  expect(versionOf(sealed)).toMatch(/^[0-9a-f]{16}$/);
});
