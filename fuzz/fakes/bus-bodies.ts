import { createRequire } from "node:module";
import * as z from "zod";

/** What goes over a bus as bytes. */

interface Message {
  readonly type: number;
  readonly serial: number;
  readonly [field: string]: unknown;
}

const Codec = z.object({
  marshall: z.custom<(message: Message) => Buffer>((value) => typeof value === "function"),
  unmarshall: z.custom<(bytes: Uint8Array) => unknown>((value) => typeof value === "function"),
});
export const { marshall, unmarshall } = Codec.parse(createRequire(import.meta.url)("dbus-native/lib/message.js"));

export const Call = z.object({
  serial: z.number(),
  member: z.string().default(""),
  path: z.string().default(""),
  body: z.array(z.unknown()).default([]),
});
export type Call = z.infer<typeof Call>;

type Body = readonly [signature: string, body: readonly unknown[]];

const variants = (depth: number): unknown => {
  let value: unknown = ["s", "x"];
  for (let at = 0; at < depth; at += 1) value = ["v", value];
  return value;
};

/** Bodies that nobody asked for. */
export const ODD_BODIES: readonly Body[] = [
  ["", []],
  ["s", [""]],
  ["s", ["\u001b[2J\u0000"]],
  ["s", ["x".repeat(100_000)]],
  ["u", [4_294_967_295]],
  ["i", [-1]],
  ["b", [true]],
  ["d", [Number.NaN]],
  ["t", [18_446_744_073_709_551_615n]],
  ["x", [-9_223_372_036_854_775_808n]],
  ["v", [["t", 18_446_744_073_709_551_615n]]],
  ["v", [["d", Number.POSITIVE_INFINITY]]],
  ["v", [["s", "x"]]],
  ["v", [["as", ["a", "b"]]]],
  ["v", [variants(40)]],
  [
    "v",
    [
      [
        "a{sv}",
        [
          ["toString", ["s", "x"]],
          ["valueOf", ["s", "x"]],
        ],
      ],
    ],
  ],
  ["as", [[]]],
  ["as", [["a", "b", "c"]]],
  ["ay", [Buffer.from([1, 2, 3, 4, 5, 6, 7, 8])]],
  ["ao", [["/a", "/b"]]],
  [
    "a{sv}",
    [
      [
        ["__proto__", ["a{sv}", [["polluted", ["b", true]]]]],
        ["constructor", ["s", "x"]],
      ],
    ],
  ],
  ["sa{sv}as", ["org.freedesktop.systemd1.Unit", [["ActiveState", ["a{ss}", [["toString", "x"]]]]], []]],
  ["sa{sv}as", ["org.freedesktop.systemd1.Unit", [["MainPID", ["t", 18_446_744_073_709_551_615n]]], ["x"]]],
  ["uoss", [1, "/org/freedesktop/systemd1/job/1", "web.service", "done"]],
  ["ua{ss}ua{ss}", [1, [["toString", "x"]], 2, [["toString", "x"]]]],
  ["a(ssssssouso)", [[]]],
  [
    "a(ssssssouso)",
    [Array.from({ length: 500 }, () => ["web.service", "", "loaded", "active", "running", "", "/a", 0, "", "/"])],
  ],
  ["ba(sss)", [false, []]],
  ["ba(sss)", [true, [["symlink", "/etc/a", "/b"]]]],
  ["a(sss)", [[]]],
];

/** The body that is asked for, as bytes of a message; one of the odd ones where it cannot be written. */
export function messageOf(fields: Message, { signature, body, odd }: Given, otherwise: Body): Buffer {
  const [ownSignature, ownBody] = odd === undefined ? otherwise : (ODD_BODIES[odd % ODD_BODIES.length] ?? otherwise);
  const bodies: readonly Body[] = [
    [signature ?? ownSignature, body ?? ownBody],
    [ownSignature, ownBody],
    ["", []],
  ];
  for (const [of, values] of bodies) {
    try {
      return marshall({ ...fields, ...(of === "" ? {} : { signature: of, body: values }) });
    } catch {
      // The next one.
    }
  }
  return marshall({ type: 2, serial: fields.serial, replySerial: 1 });
}

interface Given {
  readonly signature?: string | undefined;
  readonly body?: readonly unknown[] | undefined;
  readonly odd?: number | undefined;
}
