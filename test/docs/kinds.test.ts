import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import * as z from "zod";
import { describe as describeSchema, rowsOf } from "../../scripts/kind-types.ts";
import { kindsPage } from "../../scripts/kinds-doc.ts";
import type { AnyScoreClass } from "../../src/scores/score.ts";
import { KINDS } from "../../src/scores/index.ts";
import { root } from "./pages.ts";

const page = readFileSync(join(root, "docs/kinds.md"), "utf8");
const kinds: readonly AnyScoreClass[] = KINDS;

/** From its heading to the next of the same rank. */
const sectionOf = (kind: string): string => new RegExp(`^## ${kind}\n([^]*?)(?=^## )`, "m").exec(page)?.[1] ?? "";
const partOf = (kind: string, part: string): string =>
  new RegExp(`^\\*\\*${part}\\*\\*([^]*?)(?=^\\*\\*|$(?![^]))`, "m").exec(sectionOf(kind))?.[1] ?? "";

test("docs/kinds.md is what the sources say (else run: npm run schemas)", () => {
  expect(page).toBe(kindsPage());
});

describe.each(kinds.map(({ kind }) => kind))("of %s", (kind) => {
  test("it is said what it is for, what it requires, and all four parts are there", () => {
    expect(sectionOf(kind)).toMatch(/^\n[A-Z][^|]{20,}\n\nVersion \d+\. Requires `\w+`/);
    for (const part of ["Spec", "Status", "Steps", "Errors"]) expect(partOf(kind, part)).not.toBe("");
  });

  test("each field of the spec has a row with its type, and nothing came out as code that prints itself", () => {
    const rows = fieldsOf(kind).filter((name) => !partOf(kind, "Spec").includes(`\n| \`${name}\` | `));
    expect(rows).toEqual([]);
    expect(sectionOf(kind)).not.toMatch(/undefined|\[object|=>/);
  });
});

function fieldsOf(kind: string): readonly string[] {
  const version = kinds.find((each) => each.kind === kind)?.version;
  const text = readFileSync(join(root, `schemas/kinds/${kind}@${version}.spec.json`), "utf8");
  return Object.keys(z.looseObject({ properties: z.looseObject({}) }).parse(JSON.parse(text)).properties);
}

test("whatever a schema is made of has a word", () => {
  const all = z.strictObject({
    union: z.discriminatedUnion("is", [
      z.strictObject({ is: z.literal("a"), x: z.int().min(1) }),
      z.strictObject({ is: z.literal("b") }),
    ]),
    list: z.array(z.strictObject({ name: z.string().max(9), tags: z.record(z.string(), z.array(z.boolean())) })).max(3),
    perhaps: z.union([z.string().brand<"S">(), z.number(), z.null()]).optional(),
    one: z.enum(["x"]).nullable().default(null),
    when: z.date(),
    any: z.unknown(),
  });
  expect(
    rowsOf(describeSchema(all), undefined, new Map()).map(({ path, type, initial }) => `${path}: ${type} = ${initial}`),
  ).toEqual([
    "union: object = undefined",
    'union.is: `"a"`, or `"b"` = undefined',
    "union.x: whole number, at least 1 = undefined",
    "list: list of object (at most 3 entries) = undefined",
    "list[].name: text (at most 9 characters) = undefined",
    "list[].tags: record of list of true or false = undefined",
    "perhaps: text, or number, or null = undefined",
    'one: `"x"`, or null = null',
    "when: a date = undefined",
    "any: anything = undefined",
  ]);
});

test("what is nested, what a union's options are and what a type is called come from the sources", () => {
  expect(partOf("SystemdService", "Spec")).toMatch(
    /\| `limits\.memoryMax` \| whole number, at least 1048576 \|.*\| Bytes, from 1 MiB/,
  );
  expect(partOf("File", "Spec")).toContain("| `path` | [AbsolutePath](#types) | must be given | Where the file is.");
  expect(partOf("File", "Status")).toMatch(/\| `"foreign"` \| `path`, `at`, `what` \| Something stands at the path/);
  expect(page).toMatch(/^\| `Mode` \| text: a mode is four octal digits, such as "0644" \|/m);
});

test("the obstructions of a kind are those that its code can come to, and not those of its neighbours", () => {
  const errors = partOf("File", "Errors");
  expect(errors).toContain("| a WHAT stands at PATH, where a WANTED should be | device | Look at what it is for.");
  expect(errors).not.toContain("systemd");
  expect(partOf("SystemdUnit", "Errors")).toContain("`TimedOut`: after 120 s.");
});
