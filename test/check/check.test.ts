import { FileScore, K8sDeploymentScore, manifest, PiTopology } from "harmony-edge";
import { check, hasErrors, objections, readDocument, CapabilitiesDocument } from "harmony-edge/check";
import { expect, test } from "vitest";
import { unsigned } from "../../src/check/check.ts";
import { capabilities, Everything } from "../fleet/scripted-agent.ts";

const files = manifest(PiTopology, { motd: new FileScore({ path: "/etc/motd", content: "x" }) });
const cluster = manifest(Everything, {
  motd: new FileScore({ path: "/etc/motd", content: "x" }),
  web: new K8sDeploymentScore({ name: "web", image: "nginx:1" }),
});
const pi = { _tag: "Topology", topology: PiTopology } as const;
const agent = (more: Parameters<typeof capabilities>[0] = {}) =>
  ({ _tag: "Agent", document: capabilities(more) }) as const;

test("nothing is found where all is offered", () => {
  expect(check("a.ts", files, [pi, agent()])).toEqual([]);
  expect(check("a.ts", cluster, [{ _tag: "Topology", topology: Everything }])).toEqual([]);
});

test("a missing capability names the Score, its kind, the capability and the target, in the sentence of all gates", () => {
  expect(check("a.ts", cluster, [pi])).toEqual([
    {
      rule: "MissingCapability",
      severity: "error",
      file: "a.ts",
      scoreId: "web",
      kind: "K8sDeployment",
      capability: "K8sClient",
      target: "PiTopology",
      sentence: "K8sDeploymentScore requires K8sClient, which PiTopology lacks",
    },
  ]);
});

test("each target is looked at, and an agent also by the kinds and versions that it knows", () => {
  const found = check("a.ts", cluster, [
    pi,
    agent(),
    agent({ kinds: { File: [2], K8sDeployment: [1] }, capabilities: { FileSystemHost: {}, K8sClient: {} } }),
  ]);
  expect(found.map(({ target, scoreId, rule }) => [target, scoreId, rule])).toEqual([
    ["PiTopology", "web", "MissingCapability"],
    ["agent pi-7", "web", "MissingCapability"],
    ["agent pi-7", "web", "UnknownKind"],
    ["agent pi-7", "motd", "UnsupportedVersion"],
  ]);
  expect(found.map(({ sentence }) => sentence).slice(2)).toEqual([
    "agent pi-7 does not know the kind K8sDeployment; it knows File, Directory",
    "agent pi-7 does not know File@1; it knows File@2",
  ]);
});

test("a kind that is called like a property of every object is not taken for known", () => {
  const odd = {
    ...files,
    scores: { odd: Object.create(files.scores["motd"] ?? null, { kind: { value: "constructor" } }) },
  };
  expect(objections(odd, [agent()]).map(({ rule }) => rule)).toEqual(["UnknownKind"]);
});

test("a document is read strictly enough to be judged by", () => {
  expect(readDocument(CapabilitiesDocument, Buffer.from(JSON.stringify(capabilities())))._tag).toBe("Read");
  expect(readDocument(CapabilitiesDocument, Buffer.from("{}"))._tag).toBe("Unreadable");
});

test("a warning alone does not make the check fail", () => {
  const [found] = check("a.ts", cluster, [pi]);
  if (found === undefined) throw new Error("a finding was expected");
  expect(hasErrors({ files: [], findings: [found] })).toBe(true);
  expect(hasErrors({ files: [], findings: [{ ...found, severity: "warning" }] })).toBe(false);
});

test("what the target takes from several authors alone is a warning in check, and in the way of those who are too few", () => {
  const policies = [1, 3, 2].map((threshold) => ({
    name: `policy-${threshold}`,
    rules: { signatures: { dangerous: ["File"], threshold } },
  }));
  const asking = agent({ policy: { reserved: { paths: [], units: [] }, policies, unreadable: null } });
  const needed = '"motd" (File) needs the signatures of 3 authors by the rule "signatures" of the policy policy-3';
  const about = { rule: "ThresholdNotMet", scoreId: "motd", kind: "File", capability: null, target: "agent pi-7" };
  const found = check("a.ts", files, [pi, asking]);
  expect(found).toEqual([{ ...about, severity: "warning", file: "a.ts", sentence: needed }]);
  expect(hasErrors({ files: [], findings: found })).toBe(false);
  expect(objections(files, [asking])).toEqual([]);
  expect(unsigned(files, asking, ["ada", "ben"])).toEqual([
    { ...about, severity: "error", sentence: `${needed}, and 2 signed, ada, ben` },
  ]);
  expect(unsigned(files, asking, ["ada", "ben", "cyd"])).toEqual([]);
});

test("what an agent refuses by itself brings no bytes that its policy could be too small for", () => {
  const one = manifest(PiTopology, { four: new FileScore({ path: "/four", content: "four" }) });
  const policies = [{ name: "/p", rules: { limits: { diskBytes: 3 } } }];
  const policy = { reserved: { paths: [], units: [] }, policies, unreadable: null };
  const rules = (document: Parameters<typeof agent>[0]): readonly string[] =>
    objections(one, [agent(document)]).map(({ rule }) => rule);
  expect(rules({ policy })).toEqual(["PolicyDenied"]);
  expect(rules({ policy, kinds: { Directory: [1] } })).toEqual(["UnknownKind"]);
  expect(rules({ policy, kinds: { File: [2] } })).toEqual(["UnsupportedVersion"]);
});
