import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Report } from "harmony-edge/check";
import { describe, expect, test, vi } from "vitest";
import { findCompiler } from "../../src/cli/compiler.ts";
import { packageRoot } from "../../src/cli/package-root.ts";
import { CLUSTER, folder, harmony, manifestOf, SENTENCE } from "./in-process.ts";

// The compiler reads this whole package, which takes its time on a machine that does other things besides.
vi.setConfig({ testTimeout: 60_000 });

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
    expect(err).toContain(`fleet.ts: error: web: ${SENTENCE}\n`);
  });

  test("is told by the second gate where the compiler is got around", async () => {
    const cwd = folder({ "fleet.js": CLUSTER });
    const { code, err } = await harmony(["check", "fleet.js"], { cwd });
    expect(code).toBe(1);
    expect(err).toBe(
      "note: fleet.js is JavaScript, which is type-checked only with // @ts-check at its top\n" +
        `fleet.js: error: web: ${SENTENCE}\n1 error in 1 file, 2 Scores.\n`,
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
      ["fleet.js", "MissingCapability", undefined],
    ]);
    expect(report.files.map(({ file }) => file)).toEqual(["broken.ts", "fleet.js", "ok.ts"]);
  });

  test("a spec that cannot be is told with its line, by both gates where both see it", async () => {
    const cwd = folder({ "m.ts": manifestOf({ a: ["relative", "x"] }) });
    const { code, err } = await harmony(["check", "m.ts"], { cwd });
    expect(code).toBe(2);
    expect(err).toMatch(/^m\.ts:3:\d+: error: File@1: .*absolute/m);
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
