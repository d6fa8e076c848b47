import { generateKeyPairSync, sign, type KeyObject } from "node:crypto";
import { envelopeBytes, file, payloadText } from "../wire-text.ts";
import type { Draft } from "./case.ts";

const ops = generateKeyPairSync("ed25519");
const stranger = generateKeyPairSync("ed25519");

/** The keys of an agent that asks for signatures. */
export const trustedKeys: ReadonlyMap<string, KeyObject> = new Map([["ops", ops.publicKey]]);

const good = (generation: number): string => payloadText({ a: file("/srv/a") }, { generation });
const signed = (payload: string, key = "ops", by: KeyObject = ops.privateKey): { key: string; sig: string } => ({
  key,
  sig: sign(null, Buffer.from(payload), by).toString("base64"),
});

/** For an agent that asks for signatures. */
export const SIGNATURES: readonly Draft[] = [
  ["unsigned", "Unsigned", (n) => envelopeBytes(good(n))],
  [
    "signed by a stranger under a trusted name",
    "BadSignature",
    (n) => envelopeBytes(good(n), [signed(good(n), "ops", stranger.privateKey)]),
  ],
  ["signed by a trusted key under another name", "UnknownKey", (n) => envelopeBytes(good(n), [signed(good(n), "OPS")])],
  ["signed under the name __proto__", "UnknownKey", (n) => envelopeBytes(good(n), [signed(good(n), "__proto__")])],
  ["the signature of another payload", "BadSignature", (n) => envelopeBytes(good(n), [signed(good(n + 1))])],
  ["signed before a space was added", "BadSignature", (n) => envelopeBytes(`${good(n)} `, [signed(good(n))])],
  ["an empty signature", "BadSignature", (n) => envelopeBytes(good(n), [{ key: "ops", sig: "" }])],
  [
    "a signature of all zeros",
    "BadSignature",
    (n) => envelopeBytes(good(n), [{ key: "ops", sig: Buffer.alloc(64).toString("base64") }]),
  ],
  [
    "half a signature",
    "BadSignature",
    (n) => envelopeBytes(good(n), [{ key: "ops", sig: signed(good(n)).sig.slice(0, 44) }]),
  ],
  ["no JSON, and a bad signature", "BadSignature", () => envelopeBytes("[[[[", [signed("{}")])],
  [
    "16 bad signatures over 3 MiB",
    "BadSignature",
    () =>
      envelopeBytes(
        "x".repeat(3 * 1024 * 1024),
        Array.from({ length: 16 }, () => signed("x")),
      ),
  ],
  ["half a surrogate pair, which has no bytes to sign", "Malformed", () => envelopeBytes("\ud800", [signed("\ufffd")])],
  ["no JSON, well signed", "Malformed", () => envelopeBytes("[[[[", [signed("[[[[")])],
  [
    "a good signature behind a bad one",
    { a: "Accepted" },
    (n) => envelopeBytes(good(n), [signed(good(n), "ops", stranger.privateKey), signed(good(n))]),
  ],
];
