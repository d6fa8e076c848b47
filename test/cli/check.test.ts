import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { NEXT, type Report } from "harmony-edge/check";
import { describe, expect, test } from "vitest";
import { findCompiler } from "../../src/cli/compiler.ts";
import { packageRoot } from "../../src/cli/package-root.ts";
import { CLUSTER, folder, harmony, manifestOf, SENTENCE } from "./in-process.ts";

// The compiler reads this whole package, which takes its time on a machine that does other things besides.
const document = {
  agentId: "pi-7",
  topology: "PiTopology",
  capabilities: { FileSystemHost: { root: "/" } },
  kinds: { File: [1], Directory: [1] },
  agentVersion: "0.1.0",
};
const reportIn = (out: string): Report => {
  const report: Report = JSON.parse(out);
  return report;
};
const MOTD = manifestOf({ motd: ["/etc/motd", "hello"] });

test("the example passes, and nothing is written to standard output unless a document is asked for", async () => {
  const { code, out, err } = await harmony(["check", "examples/kiosk.ts"], { cwd: packageRoot() });
  expect({ code, out, err }).toEqual({ code: 0, out: "", err: "Nothing found in 1 file, 5 Scores.\n" });
});

describe("a Score that the topology cannot run", () => {
  test("is told by the compiler with its line, and by the second gate with its id", async () => {
    const cwd = folder({ "fleet.ts": CLUSTER });
    const { code, out, err } = await harmony(["check", "fleet.ts"], { cwd });
    expect({ code, out }).toEqual({ code: 1, out: "" });
    expect(err).toMatch(new RegExp(`^fleet\\.ts:4:3: error: TS2322: .*${SENTENCE}`, "m"));
    expect(err).toContain(`fleet.ts:4:8: error: web: ${SENTENCE}\n  MissingCapability: `);
  });

  test("is told by the second gate where the compiler is got around", async () => {
    const cwd = folder({ "fleet.js": CLUSTER });
    const { code, err } = await harmony(["check", "fleet.js"], { cwd });
    expect(code).toBe(1);
    expect(err).toBe(
      "note: fleet.js is JavaScript, which is type-checked only with // @ts-check at its top\n" +
        `fleet.js:4:8: error: web: ${SENTENCE}\n  MissingCapability: ${NEXT.MissingCapability}\n` +
        "1 error in 1 file, 2 Scores.\n",
    );
  });

  test("is told by the compiler in JavaScript that asks for it", async () => {
    const cwd = folder({ "fleet.js": `// @ts-check\n${CLUSTER}` });
    expect((await harmony(["check", "fleet.js"], { cwd })).err).toMatch(/^fleet\.js:5:3: error: TS2322/m);
  });

  test.each(["json", "sarif", "junit", "github"] as const)(
    "is in the %s report, which alone goes to standard output",
    async (format) => {
      const cwd = folder({ "fleet.js": CLUSTER });
      const { code, out, err } = await harmony(["check", "fleet.js", "--format", format], { cwd });
      expect(code).toBe(1);
      expect(out).toContain(SENTENCE);
      expect(err).toMatch(/^note: .*\n$/);
    },
  );
});

test("--json is --format json", async () => {
  const cwd = folder({ "fleet.js": CLUSTER });
  const { out } = await harmony(["check", "fleet.js", "--json"], { cwd });
  expect(JSON.parse(out)).toMatchObject({
    ok: false,
    files: [
      {
        file: "fleet.js",
        scores: [
          { id: "motd", kind: "File" },
          { id: "web", kind: "K8sDeployment" },
        ],
        targets: ["PiTopology"],
      },
    ],
    findings: [
      {
        rule: "MissingCapability",
        scoreId: "web",
        kind: "K8sDeployment",
        capability: "K8sClient",
        target: "PiTopology",
        sentence: SENTENCE,
      },
    ],
  });
});

describe("the first gate", () => {
  test("a type error is a finding though FILE can be loaded, and the second gate reports all the same", async () => {
    const wrong = CLUSTER.replace("export default", 'export const n: number = "x";\nexport default');
    const { code, err } = await harmony(["check", "fleet.ts"], { cwd: folder({ "fleet.ts": wrong }) });
    expect(code).toBe(1);
    expect(err).toMatch(/^fleet\.ts:2:14: error: TS2322: Type 'string' is not assignable to type 'number'/m);
    expect(err).toContain(`error: web: ${SENTENCE}`);
  });

  test("a type error in what FILE imports is told there", async () => {
    const cwd = folder({ "fleet.ts": `import "./lib/x.ts";\n${MOTD}`, "lib/x.ts": 'export const n: number = "x";\n' });
    expect((await harmony(["check", "fleet.ts"], { cwd })).err).toMatch(/^lib\/x\.ts:1:14: error: TS2322/m);
  });

  test("is strict, whatever the project's own settings are", async () => {
    const cwd = folder({
      "tsconfig.json": '{ "compilerOptions": { "strict": false } }',
      "fleet.ts": `export const f = (x) => x;\n${MOTD}`,
    });
    expect((await harmony(["check", "fleet.ts"], { cwd })).err).toMatch(/TS7006/);
  });

  test("knows Node's own modules", async () => {
    const cwd = folder({
      "fleet.ts": `import { hostname } from "node:os";\nexport const name: string = hostname();\n${MOTD}`,
    });
    expect((await harmony(["check", "fleet.ts"], { cwd })).code).toBe(0);
  });

  test("uses the compiler of FILE's own project", async () => {
    const cwd = folder({
      "fleet.ts": MOTD,
      "node_modules/typescript/package.json": '{ "bin": { "tsc": "tsc.js" } }',
      "node_modules/typescript/tsc.js":
        'console.log("fleet.ts(3,9): error TS9999: from the project\'s own"); process.exitCode = 2;',
    });
    expect((await harmony(["check", "fleet.ts"], { cwd })).err).toMatch(
      /^fleet\.ts:3:9: error: TS9999: from the project's own$/m,
    );
  });

  test("a compiler that does not work is a finding, not a pass", async () => {
    const cwd = folder({
      "fleet.ts": MOTD,
      "node_modules/typescript/package.json": '{ "bin": { "tsc": "tsc.js" } }',
      "node_modules/typescript/tsc.js": 'console.error("out of order"); process.exitCode = 3;',
    });
    const { code, err } = await harmony(["check", "fleet.ts"], { cwd });
    expect(code).toBe(1);
    expect(err).toContain("the TypeScript compiler did not work: it ended with 3. out of order");
  });
});

describe("a compiler is looked for", () => {
  test("upwards from the first folder, then from the second; none is told as none", () => {
    const cwd = folder();
    mkdirSync(join(cwd, "a/b"), { recursive: true });
    mkdirSync(join(cwd, "own"));
    const find = () => findCompiler([join(cwd, "a/b"), join(cwd, "own")]);
    expect(find()).toBeNull();
    mkdirSync(join(cwd, "own/node_modules/@typescript/native/bin"), { recursive: true });
    writeFileSync(join(cwd, "own/node_modules/@typescript/native/package.json"), '{ "bin": { "tsc": "./bin/tsc" } }');
    expect(find()).toBeNull();
    writeFileSync(join(cwd, "own/node_modules/@typescript/native/bin/tsc"), "");
    expect(find()).toEqual([process.execPath, join(cwd, "own/node_modules/@typescript/native/bin/tsc")]);
    mkdirSync(join(cwd, "a/node_modules/.bin"), { recursive: true });
    writeFileSync(join(cwd, "a/tsc.sh"), "");
    chmodSync(join(cwd, "a/tsc.sh"), 0o755);
    symlinkSync("../../tsc.sh", join(cwd, "a/node_modules/.bin/tsc"));
    expect(find()).toEqual([join(cwd, "a/node_modules/.bin/tsc")]);
  });
});

describe("targets", () => {
  test("agents by their documents, each with what it lacks and does not know", async () => {
    const cwd = folder({
      "fleet.js": CLUSTER,
      "pi-7.json": JSON.stringify(document),
      "big.json": JSON.stringify({
        ...document,
        agentId: "big",
        capabilities: { FileSystemHost: {}, K8sClient: {} },
        kinds: { File: [2], K8sDeployment: [1] },
      }),
    });
    const { code, out } = await harmony(
      ["check", "fleet.js", "--capabilities", "pi-7.json", "--capabilities", "big.json", "--json"],
      { cwd },
    );
    expect(code).toBe(1);
    expect(reportIn(out).findings.map(({ target, rule, scoreId }) => `${target}: ${rule} ${scoreId}`)).toEqual([
      "PiTopology: MissingCapability web",
      "agent pi-7: MissingCapability web",
      "agent pi-7: UnknownKind web",
      "agent big: UnsupportedVersion motd",
    ]);
  });

  test("a topology by its name", async () => {
    const cwd = folder({ "fleet.js": CLUSTER });
    expect((await harmony(["check", "fleet.js", "--topology", "PiTopology"], { cwd })).err).toContain(SENTENCE);
    const { code, err } = await harmony(["check", "fleet.js", "--topology", "Moon"], { cwd });
    expect(code).toBe(2);
    expect(err).toMatch(/there is no topology Moon\n {2}This build knows .*PiTopology/);
  });

  test.each([
    ["that is not there", "none.json", /none\.json is no capabilities document: ENOENT/],
    ["that is no JSON", "no.json", /not JSON/],
    ["that is another document", "other.json", /→ at capabilities/],
  ])("a document %s is wrong usage", async (_, name, message) => {
    const cwd = folder({
      "fleet.ts": MOTD,
      "no.json": "{",
      "other.json": '{ "agentId": "pi-7", "topology": "PiTopology" }',
    });
    const { code, out, err } = await harmony(["check", "fleet.ts", "--capabilities", name, "--json"], { cwd });
    expect({ code, out }).toEqual({ code: 2, out: "" });
    expect(err).toMatch(message);
  });
});

describe("several files", () => {
  test("are all reported; one that cannot be loaded ends with 2", async () => {
    const cwd = folder({ "ok.ts": MOTD, "fleet.js": CLUSTER, "broken.ts": "export default {]\n" });
    const { code, out } = await harmony(["check", "broken.ts", "fleet.js", "ok.ts", "--json"], { cwd });
    expect(code).toBe(2);
    const report = reportIn(out);
    expect(report.findings.map(({ file, rule, line }) => [file, rule, line])).toEqual([
      ["broken.ts", "CannotLoad", 1],
      ["fleet.js", "MissingCapability", 4],
    ]);
    expect(report.files.map(({ file }) => file)).toEqual(["broken.ts", "fleet.js", "ok.ts"]);
  });

  test("a spec that cannot be is told with its line, by both gates where both see it", async () => {
    const cwd = folder({ "m.ts": manifestOf({ a: ["relative", "x"] }) });
    const { code, err } = await harmony(["check", "m.ts"], { cwd });
    expect(code).toBe(2);
    expect(err).toMatch(/^m\.ts:3:8: error: a: File@1: .*absolute/m);
  });
});

describe("secrets", () => {
  const SECRET = `
    import { FileScore, manifest, PiTopology, secret } from "harmony-edge";
    export default manifest(PiTopology, { psk: new FileScore({ path: "/etc/psk", content: secret("wifi-psk") }) });
  `;

  test("have all to be there where some are given, and nothing of them is told", async () => {
    const cwd = folder({
      "m.js": SECRET,
      "secrets/other": "correct horse",
      "secrets/wifi-psk": "correct horse",
      "a/b": "",
    });
    expect((await harmony(["check", "m.js"], { cwd })).code).toBe(0);
    const well = await harmony(["check", "m.js", "--secrets", "secrets"], { cwd });
    expect(well).toMatchObject({ code: 0, out: "" });
    const missing = await harmony(["check", "m.js", "--secrets", "a"], { cwd });
    expect(missing.code).toBe(1);
    expect(missing.err).toContain('psk: File refers to the secret "wifi-psk", which is not given');
    const report = await harmony(["check", "m.js", "--secret", "wifi-psk=none", "--json"], { cwd });
    expect(reportIn(report.out).findings).toMatchObject([{ rule: "SecretMissing", scoreId: null }]);
    expect((await harmony(["check", "m.js", "--secret", "wifi-psk=-"], { cwd, input: "correct horse" })).code).toBe(0);
    const mistaken = await harmony(["check", "m.js", "--secret", "correct horse"], { cwd });
    expect(mistaken.code).toBe(1);
    expect(well.err + missing.err + report.err + mistaken.err + mistaken.out).not.toContain("correct horse");
  });

  test("need an agent that has a key for them", async () => {
    const cwd = folder({
      "m.js": SECRET,
      "old.json": JSON.stringify(document),
      "new.json": JSON.stringify({ ...document, sealingKey: "E75P6uryBMf9M1j8nAByGIHRdCeBKCJ-xnTzf3_pe20" }),
    });
    const old = await harmony(["check", "m.js", "--capabilities", "old.json", "--json"], { cwd });
    expect(old.code).toBe(1);
    expect(reportIn(old.out).findings).toMatchObject([{ rule: "NoSealingKey", scoreId: "psk", target: "agent pi-7" }]);
    expect((await harmony(["check", "m.js", "--capabilities", "new.json"], { cwd })).code).toBe(0);
  });
});

describe("all at once, each with its place:", () => {
  const findings = async (files: Readonly<Record<string, string>>, ...more: readonly string[]) => {
    const { code, out } = await harmony(["check", "m.js", "--json", ...more], { cwd: folder(files) });
    return {
      code,
      found: reportIn(out).findings.map(({ file, line, column, scoreId, rule }) => [file, line, column, scoreId, rule]),
    };
  };

  test("specs that cannot be, and assets that are not there", async () => {
    const wrong = [
      'import { asset, DirectoryScore, FileScore, manifest, PiTopology } from "harmony-edge";',
      "export default manifest(PiTopology, {",
      '  a: new FileScore({ path: "relative", content: "x" }),',
      '  b: new FileScore({ path: "/b", content: asset("./none") }),',
      '  c: new DirectoryScore({ path: "/c", mode: "9" }),',
      '}, { after: { c: ["a"] } });',
      "",
    ].join("\n");
    expect(await findings({ "m.js": wrong })).toEqual({
      code: 2,
      found: [
        ["m.js", 3, 6, "a", "InvalidSpec"],
        ["m.js", 5, 6, "c", "InvalidSpec"],
        ["m.js", 4, 43, null, "AssetUnreadable"],
      ],
    });
  });

  test("what goes wrong after that is not told: it may come of it", async () => {
    const wrong = [
      'import { FileScore, manifest, PiTopology } from "harmony-edge";',
      'const motd = new FileScore({ path: "relative", content: "x" });',
      "export default manifest(PiTopology, { [motd.spec.nope.more]: motd });",
    ].join("\n");
    expect(await findings({ "m.js": wrong })).toEqual({ code: 2, found: [["m.js", 2, 14, null, "InvalidSpec"]] });
  });

  test("a Score that a function makes is where FILE calls it, one of another module where that makes it", async () => {
    const made = [
      'import { K8sDeploymentScore } from "harmony-edge";',
      'export const shop = (name) => new K8sDeploymentScore({ name, image: "shop:1" });',
      'export const one = shop("one");',
    ].join("\n");
    const file = [
      'import { compose, manifest, PiTopology } from "harmony-edge";',
      'import { one, shop } from "./lib/shop.js";',
      "export default manifest(PiTopology, {",
      "  one,",
      '  mall: compose("Mall", {',
      '    two: shop("two"),',
      "  }),",
      "});",
    ].join("\n");
    expect((await findings({ "m.js": file, "lib/shop.js": made })).found).toEqual([
      ["lib/shop.js", 2, 31, "one", "MissingCapability"],
      ["m.js", 6, 10, "mall.two", "MissingCapability"],
    ]);
  });

  test("a kind of the FILE's own, and what a composition of this package makes", async () => {
    const file = [
      'import { capability, loadBalancer, manifest, Score, topology } from "harmony-edge";',
      'const Lamp = capability()("Lamp", { reads: [] });',
      "const schema = (await import('harmony-edge')).FileScore.schema;",
      "class LampScore extends Score(",
      '  "Lamp",',
      "  { version: 1, requires: [Lamp], spec: schema.spec, observed: schema.observed, step: schema.step },",
      '  { identity: () => "lamp:1", observe: () => ({}), plan: () => [], retire: () => [], apply: () => {} },',
      ") {}",
      'export default manifest(topology("Bare", []), {',
      '  lamp: new LampScore({ path: "/x", content: "" }),',
      '  lb: loadBalancer({ publicServices: { web: { port: 80, servers: { a: { address: "10.0.0.1", port: 81 } } } } }),',
      "});",
    ].join("\n");
    const { found } = await findings({ "m.js": file });
    expect(found[0]).toEqual(["m.js", 10, 9, "lamp", "MissingCapability"]);
    const ofBalancer = found.slice(1).map((each) => each.slice(0, 3));
    expect(ofBalancer.length).toBeGreaterThanOrEqual(4);
    expect(ofBalancer).toEqual(ofBalancer.map(() => ["m.js", 11, 7]));
  });

  test("a manifest that no agent takes, with its size and the way out", async () => {
    const large = [
      'import { FileScore, manifest, PiTopology } from "harmony-edge";',
      'const of = (at) => [`f${at}`, new FileScore({ path: `/f${at}`, content: "x".repeat(60000) })];',
      "export default manifest(PiTopology, Object.fromEntries(Array.from({ length: 200 }, (_, at) => of(at))));",
    ].join("\n");
    expect(await findings({ "m.js": large })).toEqual({
      code: 1,
      found: [["m.js", undefined, undefined, null, "TooLarge"]],
    });
  });
});

describe("devices that are alike", () => {
  const saved = (...ids: readonly string[]) => ({
    savedAt: "2026-12-01T10:00:00.000Z",
    agents: ids.map((agentId) => ({
      ...document,
      agentId,
      agentVersion: "0.3.1",
      labels: { site: agentId.slice(0, 2) },
    })),
  });
  const files = {
    "fleet.js": CLUSTER,
    "fleet.json": JSON.stringify(saved("pi-1", "pi-2", "pi-3", "pi-4", "zz-5")),
  };

  test("are told once, by how many they are and who", async () => {
    const cwd = folder(files);
    const run = ["check", "fleet.js", "--topology", "PiTopology", "--capabilities", "fleet.json"];
    const { code, err } = await harmony([...run, "--selector", "site=pi"], { cwd });
    expect(code).toBe(1);
    expect(err).toContain(
      "fleet.js:4:8: error: web: kind K8sDeployment@1 is unknown to agent 0.3.1 on 4 devices; it knows File, Directory (4 devices: pi-1, pi-2, pi-3 and 1 more)\n",
    );
    expect(err.match(/K8sDeployment@1 is unknown/g)).toHaveLength(1);
    const { out } = await harmony([...run, "--json"], { cwd });
    expect(reportIn(out).findings).toMatchObject([
      { rule: "MissingCapability", target: "PiTopology" },
      { rule: "MissingCapability", devices: ["pi-1", "pi-2", "pi-3", "pi-4", "zz-5"] },
      { rule: "UnknownKind", devices: ["pi-1", "pi-2", "pi-3", "pi-4", "zz-5"] },
    ]);
  });

  test("a selector that means nobody is no pass, and one that cannot be read is wrong usage", async () => {
    const cwd = folder(files);
    const run = ["check", "fleet.js", "--capabilities", "fleet.json", "--selector"];
    const none = await harmony([...run, "site=rome"], { cwd });
    expect(none.code).toBe(1);
    expect(none.err).toContain("no agent is site=rome: there is nothing to hold a manifest against");
    expect((await harmony([...run, "site="], { cwd })).code).toBe(2);
  });
});
