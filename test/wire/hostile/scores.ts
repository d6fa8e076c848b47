import { file, wireScore } from "../wire-text.ts";
import { type Draft, withScores } from "./case.ts";

const a = (score: unknown) => withScores(() => ({ a: score, good: file("/srv/good") }));
const without = (key: string): unknown =>
  Object.fromEntries(Object.entries(file("/srv/a")).filter(([name]) => name !== key));
const k8s = { name: "shop", image: "shop:1" };
const numbered = (count: number, make: (n: number) => unknown) =>
  withScores(() => Object.fromEntries(Array.from({ length: count }, (_, n) => [`s${n}`, make(n)])));
const each = <T>(count: number, value: T): Readonly<Record<string, T>> =>
  Object.fromEntries(Array.from({ length: count }, (_, n) => [`s${n}`, value]));

const sealed = { key: "0".repeat(32), enc: `${"A".repeat(43)}=`, sealed: "A".repeat(24) };

const malformed = { a: "MalformedScore", good: "Accepted" } as const;
const unknownKind = { a: "UnknownKind", good: "Accepted" } as const;
const unsupported = { a: "UnsupportedVersion", good: "Accepted" } as const;
const mismatch = { a: "RequiresMismatch", good: "Accepted" } as const;

/** What is wrong with one Score, or between Scores. The others go on. */
export const SCORES: readonly Draft[] = [
  ["null as Score", malformed, a(null)],
  ["a string as Score", malformed, a("File")],
  ["a list as Score", malformed, a([file("/srv/a")])],
  ["an empty object as Score", malformed, a({})],
  ["a kind whose length cannot be compared", malformed, a(file("/srv/a", { kind: { length: { toString: 0 } } }))],
  ["a Score without a kind", malformed, a(without("kind"))],
  ["a Score without a version", malformed, a(without("version"))],
  ["a Score without requirements", malformed, a(without("requires"))],
  ["a Score without a spec", malformed, a(without("spec"))],
  ["an unknown field in a Score", malformed, a(file("/srv/a", { enabled: false }))],
  ["a kind that is a number", malformed, a(file("/srv/a", { kind: 1 }))],
  ["an empty kind", malformed, a(file("/srv/a", { kind: "" }))],
  ["a kind of 65 characters", malformed, a(file("/srv/a", { kind: "K".repeat(65) }))],
  ["a version that is text", malformed, a(file("/srv/a", { version: "1" }))],
  ["version 0", malformed, a(file("/srv/a", { version: 0 }))],
  ["version 1.5", malformed, a(file("/srv/a", { version: 1.5 }))],
  ["version 1e300", malformed, a(file("/srv/a", { version: 1e300 }))],
  ["requirements that are text", malformed, a(file("/srv/a", { requires: "FileSystemHost" }))],
  ["65 requirements", malformed, a(file("/srv/a", { requires: Array.from({ length: 65 }, () => "FileSystemHost") }))],
  [
    "300,000 requirements",
    malformed,
    withScores(() => ({
      a: file("/srv/a", { requires: Array.from({ length: 300_000 }, () => 1) }),
      good: file("/srv/good"),
    })),
  ],
  [
    "300,000 ids to come after",
    malformed,
    withScores(() => ({
      a: file("/srv/a", { after: Array.from({ length: 300_000 }, () => "") }),
      good: file("/srv/good"),
    })),
  ],
  ["an id to come after that is none", malformed, a(file("/srv/a", { after: ["A B"] }))],
  ["an id to restart on that is a number", malformed, a(file("/srv/a", { restartOn: [7] }))],
  ["secrets that are a list", malformed, a(file("/srv/a", { secrets: [] }))],
  ["a secret that no spec refers to", malformed, a(file("/srv/a", { secrets: { psk: [sealed] } }))],
  ["a secret with a name that is none", malformed, a(file("/srv/a", { secrets: { "a b": [sealed] } }))],
  ["a secret that is sealed for nobody", malformed, a(file("/srv/a", { secrets: { psk: [] } }))],
  [
    "a secret that is sealed for five keys",
    malformed,
    a(file("/srv/a", { secrets: { psk: [sealed, sealed, sealed, sealed, sealed] } })),
  ],
  ["a secret with an unknown field", malformed, a(file("/srv/a", { secrets: { psk: [{ ...sealed, info: "" }] } }))],
  ["a secret under half a key", malformed, a(file("/srv/a", { secrets: { psk: [{ ...sealed, key: "00" }] } }))],
  ["a secret with half a point", malformed, a(file("/srv/a", { secrets: { psk: [{ ...sealed, enc: "AAAA" }] } }))],
  ["a secret of no bytes", malformed, a(file("/srv/a", { secrets: { psk: [{ ...sealed, sealed: "" }] } }))],
  [
    "a secret of a mebibyte",
    malformed,
    a(file("/srv/a", { secrets: { psk: [{ ...sealed, sealed: "A".repeat(1 << 20) }] } })),
  ],
  [
    "65 secrets",
    malformed,
    a(file("/srv/a", { secrets: Object.fromEntries(Array.from({ length: 65 }, (_, n) => [`s${n}`, [sealed]])) })),
  ],

  ["an unknown kind", unknownKind, a(file("/srv/a", { kind: "Firewall" }))],
  ["a kind in other capitals", unknownKind, a(file("/srv/a", { kind: "file" }))],
  ["a kind with a space at its end", unknownKind, a(file("/srv/a", { kind: "File " }))],
  ["the kind constructor", unknownKind, a(file("/srv/a", { kind: "constructor" }))],
  ["the kind __proto__", unknownKind, a(file("/srv/a", { kind: "__proto__" }))],
  ["the class's name as kind", unknownKind, a(file("/srv/a", { kind: "FileScore" }))],
  ["a kind with half a surrogate pair", unknownKind, a(file("/srv/a", { kind: "\ud800" }))],
  ["a later version", unsupported, a(file("/srv/a", { version: 2 }))],
  ["the last version there could be", unsupported, a(file("/srv/a", { version: Number.MAX_SAFE_INTEGER }))],

  ["fewer requirements than the kind has", mismatch, a(file("/srv/a", { requires: [] }))],
  ["more requirements than the kind has", mismatch, a(file("/srv/a", { requires: ["FileSystemHost", "K8sClient"] }))],
  ["another requirement than the kind has", mismatch, a(file("/srv/a", { requires: ["K8sClient"] }))],
  ["the same requirement twice", mismatch, a(file("/srv/a", { requires: ["FileSystemHost", "FileSystemHost"] }))],
  ["a capability hidden by a false claim", mismatch, a(wireScore("K8sDeployment", ["FileSystemHost"], k8s))],
  ["a capability hidden by no claim", mismatch, a(wireScore("K8sDeployment", [], k8s))],
  [
    "a capability that the agent lacks",
    { a: "MissingCapability", good: "Accepted" },
    a(wireScore("K8sDeployment", ["K8sClient"], k8s)),
  ],
  [
    "a capability that the agent lacks, and a bad spec",
    { a: "MissingCapability", good: "Accepted" },
    a(wireScore("K8sDeployment", ["K8sClient"], { name: 1 })),
  ],

  [
    "two Scores about one path",
    { a: "Accepted", b: "DuplicateIdentity" },
    withScores(() => ({ a: file("/srv/a"), b: file("/srv/a", { spec: { json: { path: "/srv/a", content: "b" } } }) })),
  ],
  [
    "a File and a Directory about one path",
    { a: "Accepted", b: "DuplicateIdentity" },
    withScores(() => ({ a: file("/srv/a"), b: wireScore("Directory", ["FileSystemHost"], { path: "/srv/a" }) })),
  ],
  [
    "2,000 Scores about one path",
    { ...each(2000, "DuplicateIdentity"), s0: "Accepted" },
    numbered(2000, () => file("/srv/a")),
  ],

  [
    "after an id that is not there",
    { a: "InvalidOrder", good: "Accepted" },
    a(file("/srv/a", { after: ["good", "gone"] })),
  ],
  [
    "restarting on an id that is not there",
    { a: "InvalidOrder", good: "Accepted" },
    a(file("/srv/a", { restartOn: ["gone"] })),
  ],
  ["after itself", { a: "InvalidOrder", good: "Accepted" }, a(file("/srv/a", { after: ["a"] }))],
  ["restarting on itself", { a: "InvalidOrder", good: "Accepted" }, a(file("/srv/a", { restartOn: ["a"] }))],
  [
    "two Scores after each other, one behind them and one before",
    { a: "InvalidOrder", b: "InvalidOrder", behind: "Accepted", before: "Accepted" },
    withScores(() => ({
      a: file("/srv/a", { after: ["b", "before"] }),
      b: file("/srv/b", { after: ["a"] }),
      behind: file("/srv/behind", { after: ["a"] }),
      before: file("/srv/before"),
    })),
  ],
  [
    "two cycles with a Score between them",
    { a: "InvalidOrder", between: "Accepted", b: "InvalidOrder" },
    withScores(() => ({
      a: file("/srv/a", { after: ["a"] }),
      between: file("/srv/between", { after: ["a"] }),
      b: file("/srv/b", { after: ["between", "b"] }),
    })),
  ],
  [
    "2,000 Scores in one cycle",
    each(2000, "InvalidOrder"),
    numbered(2000, (n) => file(`/srv/${n}`, { after: [`s${(n + 1) % 2000}`] })),
  ],
  [
    "2,000 Scores after themselves",
    each(2000, "InvalidOrder"),
    numbered(2000, (n) => file(`/srv/${n}`, { after: [`s${n}`] })),
  ],
  [
    "2,000 Scores after themselves and the next",
    each(2000, "InvalidOrder"),
    numbered(2000, (n) => file(`/srv/${n}`, { after: [`s${(n + 1) % 2000}`, `s${n}`] })),
  ],
  [
    "2,000 Scores in a row",
    each(2000, "Accepted"),
    numbered(2000, (n) => file(`/srv/${n}`, n === 0 ? {} : { after: [`s${n - 1}`] })),
  ],
  [
    "1,000 Scores after 200 others each",
    { ...each(1000, "Accepted") },
    numbered(1000, (n) => file(`/srv/${n}`, { after: Array.from({ length: Math.min(n, 200) }, (_, at) => `s${at}`) })),
  ],
  [
    "after a Score that is refused",
    { a: "InvalidSpec", b: "Accepted" },
    withScores(() => ({ a: file("relative"), b: file("/srv/b", { after: ["a"] }) })),
  ],
];
