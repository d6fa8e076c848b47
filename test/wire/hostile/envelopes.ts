import { AGENT, bytesOf, envelopeBytes, envelopeText, file, ISSUED_AT, payloadText } from "../wire-text.ts";
import type { Draft } from "./case.ts";

const MIB = 1024 * 1024;
const good = (generation: number): string => payloadText({ a: file("/srv/a") }, { generation });
const nested = (open: string, close: string, levels: number): Uint8Array =>
  bytesOf(`${open.repeat(levels)}1${close.repeat(levels)}`);
const signature = { key: "ops", sig: "AAAA" };

const key = Buffer.alloc(32).toString("base64");
const hash = "0123456789abcdef".repeat(4);

/** What is wrong before the payload is looked at. */
export const ENVELOPES: readonly Draft[] = [
  ["no bytes", "Malformed", () => new Uint8Array()],
  ["white space", "Malformed", () => bytesOf(" \n\t ")],
  ["a NUL byte", "Malformed", () => new Uint8Array(1)],
  ["null", "Malformed", () => bytesOf("null")],
  ["true", "Malformed", () => bytesOf("true")],
  ["a number", "Malformed", () => bytesOf("1e999")],
  ["a string", "Malformed", () => bytesOf('"wire"')],
  ["an array", "Malformed", () => bytesOf("[]")],
  ["an empty object", "Malformed", () => bytesOf("{}")],
  [
    "signatures whose number cannot be compared",
    "Malformed",
    () => bytesOf('{"signatures":{"length":{"toString":0}}}'),
  ],
  ["YAML", "Malformed", () => bytesOf("wire: 1\npayload: x\n")],
  ["two documents", "Malformed", (n) => bytesOf(`${envelopeText(good(n))}${envelopeText(good(n))}`)],
  ["a trailing comma", "Malformed", (n) => bytesOf(envelopeText(good(n)).replace(/\}$/, ",}"))],
  ["NaN", "Malformed", () => bytesOf('{"wire":NaN,"payload":"","signatures":[]}')],
  ["a comment", "Malformed", (n) => bytesOf(`/* */${envelopeText(good(n))}`)],

  ["cut in the middle", "Malformed", (n) => envelopeBytes(good(n)).subarray(0, 100)],
  ["cut by its last byte", "Malformed", (n) => envelopeBytes(good(n)).subarray(0, -1)],
  ["cut within a character", "Malformed", () => bytesOf('{"wire":1,"payload":"\u{1f600}').subarray(0, -2)],

  ["a byte order mark", "Malformed", (n) => bytesOf(`\ufeff${envelopeText(good(n))}`)],
  ["UTF-16", "Malformed", (n) => new Uint8Array(Buffer.from(envelopeText(good(n)), "utf16le"))],
  ["a lone continuation byte", "Malformed", () => new Uint8Array([0x22, 0x80, 0x22])],
  ["an overlong slash", "Malformed", () => new Uint8Array([0x22, 0xc0, 0xaf, 0x22])],
  ["an encoded surrogate", "Malformed", () => new Uint8Array([0x22, 0xed, 0xa0, 0x80, 0x22])],
  [
    "a good envelope but for a byte that is no UTF-8",
    "Malformed",
    (n) =>
      envelopeBytes(payloadText({ a: file("/srv/~") }, { generation: n })).map((byte) => (byte === 0x7e ? 0xff : byte)),
  ],
  ["a code point past the last", "Malformed", () => new Uint8Array([0x22, 0xf4, 0x90, 0x80, 0x80, 0x22])],
  ["a raw NUL in a string", "Malformed", () => bytesOf('{"wire":1,"payload":"\0","signatures":[]}')],
  ["gzip", "Malformed", () => new Uint8Array([0x1f, 0x8b, 0x08, 0, 0, 0, 0, 0, 0, 3])],

  ["arrays, 5,000 deep", "Malformed", () => nested("[", "]", 5000)],
  ["objects, 5,000 deep", "Malformed", () => nested('{"a":', "}", 5000)],
  ["arrays, 1,000,000 deep", "Malformed", () => nested("[", "]", 1_000_000)],
  ["objects, 600,000 deep", "Malformed", () => nested('{"a":', "}", 600_000)],
  ["1,000,000 arrays, never closed", "Malformed", () => bytesOf("[".repeat(1_000_000))],
  ["1,300,000 empty arrays", "Malformed", () => bytesOf(`[${"[],".repeat(1_300_000)}[]]`)],
  ["1,300,000 empty objects", "Malformed", () => bytesOf(`[${"{},".repeat(1_300_000)}{}]`)],
  ["2,000,000 numbers", "Malformed", () => bytesOf(`[${"0,".repeat(2_000_000)}0]`)],
  ["300,000 keys", "Malformed", () => bytesOf(`{${Array.from({ length: 300_000 }, (_, n) => `"k${n}":0`).join(",")}}`)],
  ["a key of 3 MiB", "Malformed", () => bytesOf(`{"${"k".repeat(3 * MIB)}":0}`)],
  ["a payload that is one byte too large", "TooLarge", () => bytesOf(`"${"x".repeat(4 * MIB - 1)}"`)],
  ["8 MiB of spaces", "TooLarge", () => bytesOf(" ".repeat(8 * MIB))],
  ["8 MiB that are not UTF-8", "TooLarge", () => new Uint8Array(8 * MIB).fill(0xff)],

  ["a later wire format", "Malformed", (n) => envelopeBytes(good(n), [], { wire: 2 })],
  ["the wire format as text", "Malformed", (n) => envelopeBytes(good(n), [], { wire: "1" })],
  ["no wire format", "Malformed", (n) => bytesOf(JSON.stringify({ payload: good(n), signatures: [] }))],
  ["no payload", "Malformed", () => bytesOf(JSON.stringify({ wire: 1, signatures: [] }))],
  ["a payload that is an object", "Malformed", (n) => envelopeBytes(good(n), [], { payload: JSON.parse(good(n)) })],
  ["payload and payloadSha256 both", "Malformed", (n) => envelopeBytes(good(n), [], { payloadSha256: hash })],
  [
    "payloadSha256 in capitals",
    "Malformed",
    () => bytesOf(JSON.stringify({ wire: 1, payloadSha256: hash.toUpperCase(), signatures: [] })),
  ],
  [
    "payloadSha256 that is a path",
    "Malformed",
    () => bytesOf(JSON.stringify({ wire: 1, payloadSha256: "../../etc/passwd", signatures: [] })),
  ],
  [
    "payloadSha256 of nothing that is there",
    "MissingPayload",
    () => bytesOf(JSON.stringify({ wire: 1, payloadSha256: hash, signatures: [] })),
  ],
  [
    "a payloadKey of 16 bytes",
    "Malformed",
    () =>
      bytesOf(
        JSON.stringify({
          wire: 1,
          payloadSha256: hash,
          payloadKey: Buffer.alloc(16).toString("base64"),
          signatures: [],
        }),
      ),
  ],
  ["a payloadKey beside a payload", "Malformed", (n) => envelopeBytes(good(n), [], { payloadKey: key })],
  ["an unknown field in the envelope", "Malformed", (n) => envelopeBytes(good(n), [], { priority: "high" })],
  ["__proto__ in the envelope", "Malformed", (n) => envelopeBytes(good(n), [], { ["__proto__"]: { wire: 1 } })],
  [
    "constructor in the envelope",
    "Malformed",
    (n) => envelopeBytes(good(n), [], { constructor: { prototype: { polluted: true } } }),
  ],

  ["no signatures field", "Malformed", (n) => bytesOf(JSON.stringify({ wire: 1, payload: good(n) }))],
  ["signatures that are an object", "Malformed", (n) => envelopeBytes(good(n), [], { signatures: { 0: signature } })],
  [
    "17 signatures",
    "Malformed",
    (n) =>
      envelopeBytes(
        good(n),
        Array.from({ length: 17 }, () => signature),
      ),
  ],
  [
    "10,000 signatures",
    "Malformed",
    (n) =>
      envelopeBytes(
        good(n),
        Array.from({ length: 10_000 }, () => signature),
      ),
  ],
  ["a signature that is not base64", "Malformed", (n) => envelopeBytes(good(n), [{ key: "ops", sig: "%%%%" }])],
  [
    "a signature of 3 MiB",
    "Malformed",
    (n) => envelopeBytes(good(n), [{ key: "ops", sig: "AAAA".repeat((3 * MIB) / 4) }]),
  ],
  ["a signature without a key", "Malformed", (n) => envelopeBytes(good(n), [{ key: "", sig: "AAAA" }])],
  ["an unknown field in a signature", "Malformed", (n) => envelopeBytes(good(n), [{ ...signature, alg: "none" }])],
  ["__proto__ in a signature", "Malformed", (n) => envelopeBytes(good(n), [{ ...signature, ["__proto__"]: {} }])],

  ["the payload itself, without an envelope", "Malformed", (n) => bytesOf(good(n))],
  ["an envelope in an envelope", "Malformed", (n) => envelopeBytes(envelopeText(good(n)))],
  [
    "duplicate keys, of which the last one counts",
    { a: "Accepted" },
    (n) => bytesOf(`{"wire":2,"wire":1,"payload":"","payload":${JSON.stringify(good(n))},"signatures":[]}`),
  ],
  [
    "escapes for every letter of the keys",
    { a: "Accepted" },
    (n) =>
      bytesOf(
        `{"\\u0077ire":1,"payload":${JSON.stringify(
          `{"agentId":"${AGENT}","generation":${n},"issuedAt":"${ISSUED_AT}","sc\\u006fres":${JSON.stringify({ a: file("/srv/a") })}}`,
        )},"signatures":[]}`,
      ),
  ],
];
