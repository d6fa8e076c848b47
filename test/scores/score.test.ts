import { build } from "esbuild";
import { beforeAll, describe, expect, expectTypeOf, test } from "vitest";
import * as z from "zod";
import { DirectoryScore, FileScore } from "../../src/scores/index.ts";
import { InvalidSpec, isScore, Score } from "../../src/scores/score.ts";
import { Cabinet, shape, sound } from "./drawer.ts";

/** A kind whose spec can hold one of each of what the wire carries. */
const Things = Score(
  "Things",
  {
    ...shape,
    spec: z
      .strictObject({
        list: z.array(z.strictObject({ a: z.array(z.number()) })).readonly(),
        word: z.string(),
        date: z.date(),
        set: z.set(z.string()),
        map: z.map(z.string(), z.string()),
        big: z.bigint(),
      })
      .partial(),
  },
  {
    identity: () => "things:all",
    observe: () => ({ state: "absent" }),
    plan: () => [],
    retire: () => [],
    apply: () => {},
  },
);

describe("a spec", () => {
  test.each(["constructor", "prototype"])("has no key %s anywhere, which the wire forbids", (key) => {
    const Labels = Score(
      "Labels",
      { ...shape, spec: z.strictObject({ deep: z.array(z.record(z.string(), z.record(z.string(), z.number()))) }) },
      {
        identity: () => "labels:all",
        observe: () => ({ state: "absent" }),
        plan: () => [],
        retire: () => [],
        apply: () => {},
      },
    );
    const hostile: unknown = JSON.parse(`[{"a": {"${key}": 1}}]`);
    expect(() => Labels.parse({ deep: hostile })).toThrow(`Labels@1: no key may be "${key}": call it something else`);
  });

  test("is frozen all the way down, what was frozen on top included", () => {
    const { spec } = new Things({ list: [{ a: [1] }] });
    const { list = [] } = spec;
    const levels: readonly object[] = [spec, list, ...list, ...list.map(({ a }) => a)];
    expect(levels.map((level) => Object.isFrozen(level))).toEqual([true, true, true, true]);
    expect(() => Object.assign(spec, { list: [] })).toThrow(TypeError);
  });

  test("is a copy: what the author wrote stays the author's", () => {
    const input = { path: "/a", content: { base64: "" } };
    const { spec } = new FileScore(input);
    input.path = "/b";
    input.content.base64 = "AAAA";
    expect(spec).toMatchObject({ path: "/a", content: { base64: "" } });
  });

  test("has its defaults filled in", () => {
    expect(new FileScore({ path: "/a", content: "" }).spec).toEqual({
      path: "/a",
      content: "",
      mode: "0644",
      parents: false,
    });
    expect(new DirectoryScore({ path: "/a" }).spec).toEqual({ path: "/a", mode: "0755", parents: false });
  });

  test("may hold all that the wire carries", () => {
    const held = { date: new Date(0), set: new Set(["a"]), map: new Map([["a", "b"]]), big: 2n ** 70n };
    expect(new Things(held).spec).toEqual(held);
  });
});

describe("a spec that the kind does not accept", () => {
  test("is refused with the kind and every field that is wrong", () => {
    const wrong = { path: "etc/motd", mode: "644", owner: "A B", contents: "" };
    expect(() => FileScore.parse(wrong)).toThrow(InvalidSpec);
    expect(() => FileScore.parse(wrong)).toThrow(
      /^File@1: (?=[^]*at path)(?=[^]*at content)(?=[^]*at mode)(?=[^]*at owner)(?=[^]*"contents")[^]*"0644"/,
    );
  });

  test.each([[undefined], [null], ["File"], [7], [[]], [() => {}]])("is refused also when it is %j", (input) => {
    expect(() => FileScore.parse(input)).toThrow(/^File@1: /);
  });

  test("is too large by its bytes, not by its characters, whatever holds them", () => {
    const word = "\u{1f389}".repeat(15_000);
    const more = "x".repeat(30_000);
    expect(() => new Things({ word })).not.toThrow();
    for (const tooLarge of [
      { set: new Set([word, more]) },
      { map: new Map([[word, more]]) },
      { big: 10n ** 90_000n },
    ]) {
      expect(() => new Things(tooLarge)).toThrow(/^Things@1: the spec is 90\d{3} bytes, the limit is 65536/);
    }
  });
});

describe("a Score", () => {
  const score = new FileScore({ path: "/a", content: "" });

  test("carries the kind, version and requirements of its class, as literals", () => {
    expect([score.kind, score.version, score.requires]).toEqual([
      FileScore.kind,
      FileScore.version,
      FileScore.requires,
    ]);
    expectTypeOf(score.kind).toEqualTypeOf<"File">();
    expectTypeOf(score.requires[0].name).toEqualTypeOf<"FileSystemHost">();
  });

  test("is known as one, and nothing that looks like one is", () => {
    const { kind, version, requires, spec } = score;
    expect([score, FileScore.parse({ path: "/a", content: "" })].map(isScore)).toEqual([true, true]);
    expect(
      [{ kind, version, requires, spec, bind: () => score.bind() }, FileScore, null, undefined, "File"].map(isScore),
    ).toEqual([false, false, false, false, false]);
  });

  test("made by parse is of the class itself", () => {
    expect(FileScore.parse({ path: "/a", content: "" })).toBeInstanceOf(FileScore);
  });

  test("claims nothing, watches nothing and has 30 seconds, where its kind says nothing else", () => {
    const bound = new Things({}).bind();
    expect(bound.deadlineMs).toBe(30_000);
    expect(bound.claims({ do: "build", drawer: "a" })).toEqual([]);
    let changed = false;
    expect(bound.watch({ Cabinet: { look: () => Promise.resolve(null) } }, () => (changed = true))()).toBeUndefined();
    expect(changed).toBe(false);
  });

  test("requires the union of what the parts of its kind require, in the order that it names", () => {
    expect(Score("Drawer", shape, sound).requires).toEqual([Cabinet]);
  });
});

describe("in a minified copy of the package", () => {
  let copy: { readonly name: string; readonly kind: string; readonly made: { readonly kind: string } };

  beforeAll(async () => {
    const { outputFiles } = await build({
      stdin: {
        contents: `import { FileScore } from "./src/scores/file.ts";
          export const { name, kind } = FileScore;
          export const made = new FileScore({ path: "/a", content: "" });`,
        resolveDir: process.cwd(),
      },
      bundle: true,
      minify: true,
      format: "esm",
      write: false,
    });
    const code = Buffer.from(outputFiles[0]?.contents ?? []).toString("base64");
    copy = await import(`data:text/javascript;base64,${code}`);
  });

  test("the class has lost its name, and the kind has not", () => {
    expect(copy.name).not.toContain("File");
    expect([copy.kind, copy.made.kind]).toEqual(["File", "File"]);
  });

  test("a Score is known as one by this copy", () => {
    expect(copy.made).not.toBeInstanceOf(FileScore);
    expect(isScore(copy.made)).toBe(true);
  });
});
