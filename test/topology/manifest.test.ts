import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { DirectoryScore, FileScore, SystemdServiceScore } from "../../src/scores/index.ts";
import type { AnyScore } from "../../src/scores/score.ts";
import { isManifest, manifest, SCORES_LIMIT } from "../../src/topology/manifest.ts";
import { findCycle, inOrder } from "../../src/topology/order.ts";
import { InvalidManifest } from "../../src/topology/parts.ts";
import { PiTopology } from "../../src/topology/pi.ts";

const service = (name: string): SystemdServiceScore => new SystemdServiceScore({ name, exec: ["/bin/true"] });
const file = (path: string): FileScore => new FileScore({ path, content: "" });

/** `manifest()` as JavaScript sees it: what the compiler refuses gets here too. */
const loose = (scores: object, order?: object): unknown =>
  Reflect.apply(manifest, undefined, [PiTopology, scores, order]);

/** A manifest of files by their ids. */
const files = (ids: readonly string[], order?: object): unknown =>
  loose(Object.fromEntries(ids.map((id, nth) => [id, file(`/${nth}`)])), order);

describe("a manifest", () => {
  test("holds what it was given, and order as far as there is any", () => {
    const scores = { motd: file("/etc/motd"), web: file("/web"), db: service("db") };
    const made = manifest(PiTopology, scores, { after: { web: ["db"], db: [] }, restartOn: { db: ["motd"] } });
    expect(made.topology).toBe(PiTopology);
    expect(made.scores).toEqual(scores);
    expect([made.after, made.restartOn]).toEqual([{ web: ["db"] }, { db: ["motd"] }]);
  });

  test("may be empty, which takes everything away", () => {
    expect(loose({})).toMatchObject({ scores: {}, after: {}, restartOn: {} });
  });

  test("is known as one, and what looks like one is not", () => {
    const made = manifest(PiTopology, { motd: file("/etc/motd") });
    expect(isManifest(made)).toBe(true);
    expect(
      [
        { ...made },
        { [Symbol.for("harmony-edge.manifest")]: "so it says" },
        {},
        null,
        undefined,
        "manifest",
        [made],
      ].map(isManifest),
    ).toEqual([false, false, false, false, false, false, false]);
    expect(Object.isFrozen(made)).toBe(true);
  });
});

describe("ids", () => {
  test.each(["a", "0", "motd", "a.b", "a-b_c.d", "a".repeat(63)])("%j is one", (id) => {
    expect(files([id])).toMatchObject({ scores: { [id]: expect.anything() } });
  });

  test.each(["", "A", "-a", ".a", "_a", "a b", "a/b", "ü", "a\n", "a".repeat(64), "constructor", "prototype"])(
    "%j is none",
    (id) => {
      expect(() => files([id])).toThrow(InvalidManifest);
      expect(() => files([id])).toThrow(`"${id}" is no Score id: use 1 to 63 of`);
    },
  );

  test.each([[{}], [null], ["File"], [FileScore], [{ kind: "File", spec: {} }]])(
    "lead to Scores, not to %j",
    (value) => {
      expect(() => loose({ motd: value })).toThrow('"motd" is no Score: make it with "new FileScore({ ... })"');
    },
  );
});

describe("two Scores about one thing", () => {
  test("are refused by name, whatever their kinds", () => {
    const www = { "www-dir": new DirectoryScore({ path: "/www" }), other: file("/other"), "www-file": file("/www") };
    expect(() => loose(www)).toThrow('"www-dir" and "www-file" are both about path:/www: take one of them out');
  });

  test("are not two that are alike but for their path", () => {
    expect(files(["a", "b"])).toMatchObject({ scores: { a: expect.anything(), b: expect.anything() } });
  });
});

test(`more than ${SCORES_LIMIT} Scores are refused, and as many are taken`, () => {
  const scores: Record<string, AnyScore> = {};
  for (let nth = 0; nth < SCORES_LIMIT; nth += 1) scores[`s${nth}`] = file(`/${nth}`);
  expect(isManifest(loose(scores))).toBe(true);
  expect(() => loose({ ...scores, more: file("/more") })).toThrow(
    `at most ${SCORES_LIMIT} Scores, this one has ${SCORES_LIMIT + 1}`,
  );
});

describe("order", () => {
  test("restartOn does not name the Score itself", () => {
    expect(() => files(["a"], { restartOn: { a: ["a"] } })).toThrow('restartOn: "a" names itself: take that out');
  });

  test.each(["after", "restartOn"])("%s names Scores of the manifest, on both sides", (name) => {
    expect(() => files(["a", "b"], { [name]: { a: ["c"] } })).toThrow(
      `${name}: there is no Score "c" in this manifest`,
    );
    expect(() => files(["a", "b"], { [name]: { c: ["a"] } })).toThrow(
      `${name}: there is no Score "c" in this manifest`,
    );
  });

  test("that goes round is refused with the way round", () => {
    const after = { a: ["b"], b: ["c"], c: ["b"] };
    expect(() => files(["a", "b", "c"], { after })).toThrow(
      "after: b comes after c comes after b: take one of these out",
    );
    expect(() => files(["a"], { after: { a: ["a"] } })).toThrow("after: a comes after a: take one of these out");
  });

  test("of restarts may go round, because it is no order", () => {
    const restartOn = { a: ["b"], b: ["a"] };
    expect(loose({ a: service("a"), b: service("b") }, { restartOn })).toMatchObject({ restartOn });
  });

  test("restarts only what runs something", () => {
    expect(() => files(["a", "b"], { restartOn: { a: ["b"] } })).toThrow(
      'restartOn: "a" is a File, and nothing of that kind can be restarted: take it out, or name the Score that runs',
    );
    expect(files(["a"], { restartOn: { a: [] } })).toMatchObject({ restartOn: {} });
  });
});

/** Any graph over a few ids, edges to ids outside of it included. */
const ids = ["a", "b", "c", "d", "e", "f"];
const graphs = fc.dictionary(fc.constantFrom(...ids), fc.array(fc.constantFrom(...ids, "outside"), { maxLength: 4 }), {
  noNullPrototype: true,
});

/** All ids that one comes after, by however many steps. */
function behind(after: Readonly<Record<string, readonly string[]>>, id: string): ReadonlySet<string> {
  const seen = new Set<string>();
  const open = [...(after[id] ?? [])];
  for (const next of open) {
    if (seen.has(next)) continue;
    seen.add(next);
    open.push(...(after[next] ?? []));
  }
  return seen;
}
const goesRound = (after: Readonly<Record<string, readonly string[]>>, id: string): boolean =>
  behind(after, id).has(id);

describe("for any graph", () => {
  test("inOrder puts each id behind those it comes after, and leaves out just those that can never come", () => {
    fc.assert(
      fc.property(graphs, (after) => {
        const sorted = inOrder(ids, after);
        const can = ids.filter((id) => ![id, ...behind(after, id)].some((each) => goesRound(after, each)));
        expect([...sorted].toSorted()).toEqual(can);
        for (const [nth, id] of sorted.entries()) {
          const behindIt = new Set(sorted.slice(nth));
          expect((after[id] ?? []).filter((on) => behindIt.has(on))).toEqual([]);
        }
      }),
      { numRuns: 500 },
    );
  });

  test("inOrder keeps the order of ids that have none", () => {
    fc.assert(
      fc.property(fc.shuffledSubarray(ids), (some) => {
        expect(inOrder(some, {})).toEqual(some);
      }),
    );
  });

  test("findCycle finds a cycle if there is one, and it is one", () => {
    fc.assert(
      fc.property(graphs, (after) => {
        const cycle = findCycle(after);
        expect(cycle !== null).toBe(ids.some((id) => goesRound(after, id)));
        if (cycle === null) return;
        expect(cycle.length).toBeGreaterThan(1);
        expect(cycle.at(-1)).toBe(cycle[0]);
        expect(new Set(cycle).size).toBe(cycle.length - 1);
        for (const [nth, id] of cycle.slice(0, -1).entries()) expect(after[id]).toContain(cycle[nth + 1]);
      }),
      { numRuns: 500 },
    );
  });

  test("a manifest is made if and only if its order does not go round", () => {
    fc.assert(
      fc.property(graphs, (after) => {
        const known = Object.fromEntries(
          Object.entries(after).map(([id, ons]) => [id, ons.filter((on) => on !== "outside")]),
        );
        let said = "made";
        try {
          files(ids, { after: known });
        } catch (error) {
          said = String(error);
        }
        const refused = /^InvalidManifest: after: .* comes after .*: take one of these out$/;
        expect(said).toMatch(ids.some((id) => goesRound(known, id)) ? refused : /^made$/);
      }),
    );
  });
});

test("a chain of as many Scores as there may be is put in order, and its cycle is found", () => {
  const chain = Array.from({ length: SCORES_LIMIT }, (_, nth) => `s${nth}`);
  const after = Object.fromEntries(chain.slice(1).map((id, nth) => [id, [chain[nth] ?? ""]]));
  expect(inOrder(chain.toReversed(), after)).toEqual(chain);
  expect(findCycle(after)).toBeNull();
  expect(findCycle({ ...after, s0: [chain.at(-1) ?? ""] })).toHaveLength(SCORES_LIMIT + 1);
});
