import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { check } from "../../src/check/check.ts";
import { FileScore, K8sDeploymentScore, SystemdServiceScore } from "../../src/scores/index.ts";
import { compose } from "../../src/topology/compose.ts";
import { isManifest, type Manifest, manifest } from "../../src/topology/manifest.ts";
import { inOrder, type Order } from "../../src/topology/order.ts";
import { type Composition, EDGES_LIMIT, InvalidManifest } from "../../src/topology/parts.ts";
import { PiTopology } from "../../src/topology/pi.ts";
import { encode } from "../../src/wire/encode.ts";
import { AgentId } from "../../src/wire/keys.ts";

const file = (path: string): FileScore => new FileScore({ path, content: "" });
const cluster = new K8sDeploymentScore({ name: "shop", image: "shop:1" });

/** As JavaScript calls them: what the compiler refuses gets here too. */
const looseCompose = (parts: object, order?: Order): unknown =>
  Reflect.apply(compose, undefined, ["Thing", parts, order]);
function looseManifest(scores: object, order?: Order): Manifest {
  const made: unknown = Reflect.apply(manifest, undefined, [PiTopology, scores, order]);
  if (!isManifest(made)) throw new Error("manifest() made something else");
  return made;
}

const website = (name: string): Composition<FileScore> =>
  compose("Website", { folder: file(`/${name}`), page: file(`/${name}/page`) }, { after: { page: ["folder"] } });

describe("a composition in a manifest", () => {
  test("becomes its Scores, with their order and with ids of its own and theirs", () => {
    const made = manifest(PiTopology, { lb: website("lb"), motd: file("/motd") });
    expect(Object.keys(made.scores)).toEqual(["lb.folder", "lb.page", "motd"]);
    expect(made.scores["lb.page"]).toMatchObject({ spec: { path: "/lb/page" } });
    expect([made.after, made.restartOn]).toEqual([{ "lb.page": ["lb.folder"] }, {}]);
  });

  test("may be made of compositions", () => {
    const mall = compose("Mall", { one: website("one"), two: website("two") }, { after: { two: ["one"] } });
    const { scores, after } = manifest(PiTopology, { mall });
    expect(Object.keys(scores)).toEqual(["mall.one.folder", "mall.one.page", "mall.two.folder", "mall.two.page"]);
    expect(after).toEqual({
      "mall.one.page": ["mall.one.folder"],
      "mall.two.folder": ["mall.one.folder", "mall.one.page"],
      "mall.two.page": ["mall.two.folder", "mall.one.folder", "mall.one.page"],
    });
  });

  test("stands for all its parts wherever order names it", () => {
    const scores = { lb: website("lb"), first: file("/first"), last: file("/last") };
    const order = { lb: ["first"], last: ["lb"] } as const;
    expect(manifest(PiTopology, scores, { after: order }).after).toEqual({
      "lb.folder": ["first"],
      "lb.page": ["lb.folder", "first"],
      last: ["lb.folder", "lb.page"],
    });
  });

  test("is restarted in those of its parts that run something, and restarts what names it on any of them", () => {
    const service = (name: string): SystemdServiceScore => new SystemdServiceScore({ name, exec: ["/usr/bin/true"] });
    const shop = compose("Shop", { page: file("/page"), web: service("web") }, { restartOn: { web: ["page"] } });
    const { restartOn } = manifest(
      PiTopology,
      { shop, first: file("/first"), last: service("last") },
      { restartOn: { shop: ["first"], last: ["shop"] } },
    );
    expect(restartOn).toEqual({ "shop.web": ["shop.page", "first"], last: ["shop.page", "shop.web"] });
  });

  test("is unknown to what is sent, and to what is found", () => {
    const flat = manifest(
      PiTopology,
      { "lb.folder": file("/lb"), "lb.page": file("/lb/page") },
      { after: { "lb.page": ["lb.folder"] } },
    );
    const about = { agentId: AgentId.parse("pi-7"), generation: 1, issuedAt: new Date(0) };
    expect(encode(manifest(PiTopology, { lb: website("lb") }), about)).toEqual(encode(flat, about));
  });

  test("requires what its parts require, and the finding names the part", () => {
    const made = looseManifest({ shop: looseCompose({ page: file("/page"), inner: looseCompose({ cluster }) }) });
    const findings = check("shop.ts", made, [{ _tag: "Topology", topology: PiTopology }]);
    expect(findings).toMatchObject([
      { scoreId: "shop.inner.cluster", sentence: "K8sDeploymentScore requires K8sClient, which PiTopology lacks" },
    ]);
  });
});

describe("refused is", () => {
  test.each([
    ["no part at all", {}, {}, "Thing: it has no parts: give it one at least"],
    ["a bad id", { "a/b": file("/a") }, {}, 'Thing: "a/b" is no Score id: use 1 to 63 of'],
    ["what is no Score", { a: "File" }, {}, 'Thing: "a" is no Score: make it with'],
    ["what looks like a composition", { a: { ...website("a") }.scores }, {}, 'Thing: "a" is no Score: make it with'],
    [
      "an unknown id",
      { a: file("/a") },
      { after: { a: ["b"] } },
      'Thing: after: there is no Score "b" in this composition',
    ],
    ["a restart on itself", { a: file("/a") }, { restartOn: { a: ["a"] } }, 'Thing: restartOn: "a" names itself'],
    [
      "a cycle",
      { a: file("/a"), b: file("/b") },
      { after: { a: ["b"], b: ["a"] } },
      "Thing: after: a comes after b comes after a: take one of these out",
    ],
  ])("%s in a composition", (_, parts, order: Order, sentence) => {
    expect(() => looseCompose(parts, order)).toThrow(InvalidManifest);
    expect(() => looseCompose(parts, order)).toThrow(sentence);
  });

  test("an id that both a part and another Score would have", () => {
    const clash = '"lb.page" is there twice: a part of a composition has the composition\'s id, a dot, and its own';
    expect(() => looseManifest({ lb: website("lb"), "lb.page": file("/other") })).toThrow(clash);
    expect(() => looseManifest({ "lb.page": file("/other"), lb: website("lb") })).toThrow(clash);
  });

  test("an id that is too long once it is joined", () => {
    const long = "a".repeat(58);
    expect(looseManifest({ [long]: looseCompose({ page: file("/page") }) })).toBeDefined();
    expect(() => looseManifest({ [`${long}a`]: website("lb") })).toThrow(
      `"${long}a.folder", a part of the Website "${long}a", is no Score id, as it has 66 characters and not at most 63: make "${long}a" shorter`,
    );
  });

  test("an order that goes round by way of a composition, in the words of who wrote it", () => {
    const scores = { lb: website("lb"), x: file("/x") };
    expect(() => looseManifest(scores, { after: { lb: ["x"], x: ["lb"] } })).toThrow(
      "after: lb comes after x comes after lb: take one of these out",
    );
    expect(() => looseManifest(scores, { after: { lb: ["lb"] } })).toThrow("after: lb comes after lb");
    expect(() => looseManifest(scores, { restartOn: { lb: ["lb"] } })).toThrow('restartOn: "lb" names itself');
  });

  test("the restart of a composition in which nothing runs", () => {
    expect(() => looseManifest({ lb: website("lb"), x: file("/x") }, { restartOn: { lb: ["x"] } })).toThrow(
      'restartOn: nothing in "lb" can be restarted: take it out, or name the Score that runs',
    );
  });

  test("two parts about one thing", () => {
    expect(() => looseManifest({ a: website("lb"), b: website("lb") })).toThrow(
      '"a.folder" and "b.folder" are both about path:/lb: take one of them out',
    );
  });

  test("a Score that would come after more than the wire can say", () => {
    const parts = (count: number): unknown =>
      looseCompose(Object.fromEntries(Array.from({ length: count }, (_, nth) => [`p${nth}`, file(`/p${nth}`)])));
    const order = { after: { x: ["many"] } };
    expect(looseManifest({ many: parts(EDGES_LIMIT), x: file("/x") }, order)).toBeDefined();
    expect(() => looseManifest({ many: parts(EDGES_LIMIT + 1), x: file("/x") }, order)).toThrow(
      `after: "x" names ${EDGES_LIMIT + 1} Scores, at most ${EDGES_LIMIT} may be`,
    );
  });
});

/** A tree of files, three levels deep at most, with order among siblings that never goes round. */
interface Tree {
  readonly parts: Readonly<Record<string, Tree | null>>;
  readonly order: readonly (readonly [of: string, on: string])[];
}
const ids = ["a", "b", "c"] as const;
const { tree } = fc.letrec<{ tree: Tree }>((tie) => ({
  tree: fc
    .record({
      parts: fc.dictionary(fc.constantFrom(...ids), fc.option(tie("tree"), { maxDepth: 3, depthSize: "small" }), {
        minKeys: 1,
        noNullPrototype: true,
      }),
      edges: fc.subarray([["b", "a"] as const, ["c", "a"] as const, ["c", "b"] as const]),
    })
    .map(({ parts, edges }) => ({
      parts,
      order: edges.filter(([of, on]) => of in parts && on in parts),
    })),
}));

const orderOf = ({ order }: Tree): Record<string, string[]> => {
  const after: Record<string, string[]> = {};
  for (const [of, on] of order) (after[of] ??= []).push(on);
  return after;
};
const built = (node: Tree, path: string): object =>
  Object.fromEntries(
    Object.entries(node.parts).map(([id, inner]) => [
      id,
      inner === null ? file(`${path}/${id}`) : looseCompose(built(inner, `${path}/${id}`), { after: orderOf(inner) }),
    ]),
  );
const leaves = (node: Tree, path: readonly string[] = []): readonly (readonly string[])[] =>
  Object.entries(node.parts).flatMap(([id, inner]) =>
    inner === null ? [[...path, id]] : leaves(inner, [...path, id]),
  );
/** Whether one leaf comes after another one, as somebody would read it from the tree. */
function comesAfter(
  node: Tree,
  [of = "", ...ofRest]: readonly string[],
  [on = "", ...onRest]: readonly string[],
): boolean {
  if (of !== on) return node.order.some(([first, second]) => first === of && second === on);
  const inner = node.parts[of];
  return inner !== null && inner !== undefined && comesAfter(inner, ofRest, onRest);
}

test("for any tree of compositions, two Scores have the order that is written where their ways part", () => {
  fc.assert(
    fc.property(tree, (root) => {
      const made = looseManifest(built(root, ""), { after: orderOf(root) });
      const all = leaves(root);
      expect(Object.keys(made.scores)).toEqual(all.map((path) => path.join(".")));
      for (const of of all) {
        const wanted = all.filter((on) => comesAfter(root, of, on)).map((path) => path.join("."));
        expect((made.after[of.join(".")] ?? []).toSorted()).toEqual(wanted.toSorted());
      }
      expect(inOrder(Object.keys(made.scores), made.after)).toHaveLength(all.length);
    }),
  );
});
