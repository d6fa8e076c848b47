import { AGENT, envelopeBytes, file, ISSUED_AT, payloadText } from "../wire-text.ts";
import { type Draft, withScores } from "./case.ts";

const one = { a: file("/srv/a") };
const text = (payload: string) => (): Uint8Array => envelopeBytes(payload);
const replacing =
  (rest: Readonly<Record<string, unknown>>) =>
  (generation: number): Uint8Array =>
    envelopeBytes(payloadText(one, { generation, ...rest }));
const withId = (id: string) => withScores(() => ({ [id]: file("/srv/a") }));
const nested =
  (open: string, close: string, levels: number) =>
  (generation: number): Uint8Array =>
    envelopeBytes(
      payloadText({}, { generation }).replace('"scores":{}', `"scores":${open.repeat(levels)}1${close.repeat(levels)}`),
    );
const many = (count: number): unknown =>
  Object.fromEntries(Array.from({ length: count }, (_, n) => [`s${n}`, file(`/srv/${n}`)]));

/** What is wrong with the payload as a whole. */
export const PAYLOADS: readonly Draft[] = [
  ["an empty payload", "Malformed", text("")],
  ["null as payload", "Malformed", text("null")],
  ["an array as payload", "Malformed", text("[]")],
  ["an empty object as payload", "Malformed", text("{}")],
  ["a payload with a byte order mark", "Malformed", text(`\ufeff${payloadText(one)}`)],
  [
    "a payload with half a surrogate pair",
    "Malformed",
    text(payloadText({ a: file("/srv/half") }).replace("half", "\ud800")),
  ],
  ["a payload cut in the middle", "Malformed", text(payloadText(one).slice(0, 50))],
  ["a payload with a raw line break in a string", "Malformed", text('{"agentId":"pi\n7"}')],

  ["another agent's id", "WrongAgent", replacing({ agentId: "pi-8" })],
  ["an agent id that is a pattern", "Malformed", replacing({ agentId: "*" })],
  ["an agent id with a dot", "Malformed", replacing({ agentId: "pi.7" })],
  ["an agent id with a space at its end", "Malformed", replacing({ agentId: `${AGENT} ` })],
  ["an agent id with a line break at its end", "Malformed", replacing({ agentId: `${AGENT}\n` })],
  ["an agent id in capitals", "Malformed", replacing({ agentId: "PI-7" })],
  ["an agent id in Cyrillic letters", "Malformed", replacing({ agentId: "\u0440i-7" })],
  ["an agent id of 64 characters", "Malformed", replacing({ agentId: "a".repeat(64) })],
  ["an agent id that is a list", "Malformed", replacing({ agentId: [AGENT] })],

  ["generation 0", "Malformed", replacing({ generation: 0 })],
  ["generation -1", "Malformed", replacing({ generation: -1 })],
  ["generation 1.5", "Malformed", replacing({ generation: 1.5 })],
  ["generation 1e300", "Malformed", replacing({ generation: 1e300 })],
  ["generation 2^53", "Malformed", replacing({ generation: 2 ** 53 })],
  [
    "generation 1e400, which is Infinity",
    "Malformed",
    text(payloadText(one).replace('"generation":1', '"generation":1e400')),
  ],
  ["generation as text", "Malformed", replacing({ generation: "7" })],
  ["generation null", "Malformed", replacing({ generation: null })],

  ["a date that is none", "Malformed", replacing({ issuedAt: "2026-02-30T00:00:00Z" })],
  ["a date without a zone", "Malformed", replacing({ issuedAt: "2026-11-23T08:00:00" })],
  ["a date as a number", "Malformed", replacing({ issuedAt: 1_795_420_800_000 })],
  ["a date in words", "Malformed", replacing({ issuedAt: "yesterday" })],

  ["an unknown field in the payload", "Malformed", replacing({ dryRun: true })],
  ["__proto__ in the payload", "Malformed", replacing({ ["__proto__"]: { agentId: AGENT } })],
  ["prototype in the payload", "Malformed", replacing({ prototype: {} })],
  ["Scores as a list", "Malformed", withScores(() => [file("/srv/a")])],
  ["Scores null", "Malformed", withScores(() => null)],
  ["Scores as text", "Malformed", withScores(() => JSON.stringify(one))],
  ["no Scores", "Malformed", text(JSON.stringify({ agentId: AGENT, generation: 1, issuedAt: ISSUED_AT }))],

  ["arrays in the payload, 5,000 deep", "Malformed", nested("[", "]", 5000)],
  ["objects in the payload, 5,000 deep", "Malformed", nested('{"a":', "}", 5000)],
  ["arrays in the payload, 1,000,000 deep", "Malformed", nested("[", "]", 1_000_000)],
  ["500,001 values", "Malformed", withScores(() => ({ a: Array.from({ length: 500_001 }, () => 0) }))],
  ["2,001 Scores", "TooLarge", withScores(() => many(2001))],
  [
    "100,000 Scores that are null",
    "TooLarge",
    withScores(() => Object.fromEntries(Array.from({ length: 100_000 }, (_, n) => [`s${n}`, null]))),
  ],

  ["__proto__ as Score id", "Malformed", withId("__proto__")],
  ["constructor as Score id", "Malformed", withId("constructor")],
  ["prototype as Score id", "Malformed", withId("prototype")],
  ["an empty Score id", "Malformed", withId("")],
  ["a Score id with a space", "Malformed", withId("my score")],
  ["a Score id in capitals", "Malformed", withId("Motd")],
  ["a Score id with an umlaut", "Malformed", withId("m\u00f6td")],
  ["a Score id that begins with a dot", "Malformed", withId("..")],
  ["a Score id that is a path", "Malformed", withId("a/b")],
  ["a Score id with a terminal's escape", "Malformed", withId("a\u001b[2J")],
  ["a Score id of 64 characters", "Malformed", withId("a".repeat(64))],
  ["a Score id of 1 MiB", "Malformed", withId("a".repeat(1024 * 1024))],
  [
    "duplicate generations and Scores, of which the last ones count",
    { b: "Accepted" },
    (n) =>
      envelopeBytes(
        payloadText({ b: file("/srv/b") }, { generation: n }).replace("{", `{"generation":0,"scores":{"a":null},`),
      ),
  ],
  ["no Score at all, which is allowed", {}, withScores(() => ({}))],
  ["a Score id of 63 characters, with dots", { [`${"a.".repeat(31)}a`]: "Accepted" }, withId(`${"a.".repeat(31)}a`)],
  [
    "2,000 Scores that are null",
    Object.fromEntries(Array.from({ length: 2000 }, (_, n) => [`s${n}`, "MalformedScore"] as const)),
    withScores(() => Object.fromEntries(Array.from({ length: 2000 }, (_, n) => [`s${n}`, null]))),
  ],
];
