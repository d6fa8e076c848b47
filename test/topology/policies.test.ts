import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FileScore } from "../../src/scores/index.ts";
import { compose } from "../../src/topology/compose.ts";
import { isManifest, type Manifest, manifest } from "../../src/topology/manifest.ts";
import { PiTopology } from "../../src/topology/pi.ts";
import { contradiction, DEFAULT_POLICIES, policiesOf, type Policy, policyOf } from "../../src/topology/policies.ts";
import { decodePayload } from "../../src/wire/decode.ts";
import { encode } from "../../src/wire/encode.ts";
import { WireScore } from "../../src/wire/envelope.ts";
import { AgentId } from "../../src/wire/keys.ts";

const file = (path: string): FileScore => new FileScore({ path, content: "" });
/** As JavaScript calls it: what the compiler refuses gets here too. */
function loose(scores: object, policies: object): Manifest {
  const made: unknown = Reflect.apply(manifest, undefined, [PiTopology, scores, { policies }]);
  if (!isManifest(made)) throw new Error("manifest() made something else");
  return made;
}

const some: fc.Arbitrary<Policy> = fc
  .record(
    {
      drift: fc.constantFrom("repair" as const, "report" as const, "ignore" as const),
      lookEverySeconds: fc.integer({ min: 1, max: 604_800 }),
      ownership: fc.constantFrom("adopt" as const, "own" as const, "createOnly" as const, "observe" as const),
      removal: fc.constantFrom("retire" as const, "orphan" as const),
    },
    { requiredKeys: [], noNullPrototype: true },
  )
  .filter((policy) => contradiction(policy) === null);

const about = { agentId: AgentId.parse("pi-7"), generation: 1, issuedAt: new Date(0) };
function sent(made: Manifest): string {
  const encoded = encode(made, about);
  if (encoded._tag !== "Encoded") throw new Error(encoded._tag);
  return encoded.payload;
}

describe("the policies of a manifest", () => {
  test("hold what is not as by default, also from a composition, where the manifest has the last word", () => {
    const site = compose(
      "Site",
      { folder: file("/s"), page: file("/s/page") },
      { policies: { page: { ownership: "createOnly", drift: "report" } } },
    );
    const made = manifest(
      PiTopology,
      { site, motd: file("/motd"), plain: file("/plain") },
      {
        policies: {
          site: { drift: "repair", removal: "orphan" },
          motd: { drift: "report", lookEverySeconds: 60 },
          plain: { drift: "repair", ownership: "adopt", removal: "retire" },
        },
      },
    );
    expect(made.policies).toEqual({
      "site.folder": { removal: "orphan" },
      "site.page": { ownership: "createOnly", removal: "orphan" },
      motd: { drift: "report", lookEverySeconds: 60 },
    });
  });

  test.each([
    ["an id that is not there", { b: { drift: "report" } }, 'policies: there is no Score "b" in this manifest'],
    ["a word that is none", { a: { drift: "repairs" } }, 'policies: "a": '],
    ["a field that is none", { a: { drifts: "repair" } }, "drifts"],
    ["a pause of nothing", { a: { lookEverySeconds: 0 } }, "lookEverySeconds"],
    ["a look that is not to be", { a: { drift: "ignore", lookEverySeconds: 5 } }, 'policies: "a": nobody looks'],
    ["a look that is nothing else", { a: { drift: "ignore", ownership: "observe" } }, "it is only observed"],
    ["what is left anyway", { a: { removal: "orphan", ownership: "observe" } }, "left as it is anyway"],
  ])("are refused with %s", (_, policies, message) => {
    expect(() => loose({ a: file("/a") }, policies)).toThrow(message);
  });
});

describe("on the wire", () => {
  test("policies arrive as they were sent, beside a spec with the digest that it always had", () => {
    fc.assert(
      fc.property(some, (policy) => {
        const gate = { agentId: about.agentId, kinds: [FileScore], topology: PiTopology, trustedKeys: new Map() };
        const plain = sent(loose({ a: file("/a") }, {}));
        const ruled = sent(loose({ a: file("/a") }, { a: policy }));
        const [without, withThem] = [plain, ruled].map((payload) => {
          const decoded = decodePayload(payload, [], gate, null);
          const score = decoded._tag === "Decoded" ? decoded.manifest.scores.get("a") : undefined;
          if (score?._tag !== "Score") throw new Error("refused");
          return score;
        });
        expect(without?.policies).toEqual(DEFAULT_POLICIES);
        expect(withThem?.policies).toEqual({ ...DEFAULT_POLICIES, ...policy });
        expect(withThem?.digest).toBe(without?.digest);
        // Bytes that hold no policy are those that were sent before there were any.
        expect(plain).not.toContain("policies");
        expect(ruled === plain).toBe(policyOf(policiesOf(policy)) === null);
      }),
    );
  });

  test("a policy of a later version is refused with its Score, as whole fields were before", () => {
    const wire = {
      kind: "File",
      version: 1,
      requires: ["FileSystemHost"],
      spec: { json: { path: "/a", content: "" } },
    };
    expect(WireScore.safeParse({ ...wire, policies: { drift: "report" } }).success).toBe(true);
    expect(WireScore.safeParse({ ...wire, policies: { drift: "adore" } }).success).toBe(false);
    expect(WireScore.safeParse({ ...wire, policies: { mood: "good" } }).success).toBe(false);
  });
});
