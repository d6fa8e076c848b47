import { readdirSync, readFileSync } from "node:fs";
import { Ajv2020 } from "ajv/dist/2020.js";
import { describe, expect, test } from "vitest";
import * as z from "zod";
import { schemaFiles } from "../../scripts/schemas.ts";
import { KINDS } from "../../src/scores/index.ts";

const read = (path: string): string => readFileSync(path, "utf8");
const golden = (name: string): unknown => JSON.parse(read(`test/wire/golden/${name}`));

/** A validator that knows nothing of zod. The patterns of the schemas say what their formats say. */
const ajv = new Ajv2020({ strict: true, allErrors: true, allowUnionTypes: true, formats: { "date-time": true } });
const validates = (file: string, value: unknown): unknown => {
  const id = z.object({ $id: z.string() }).parse(JSON.parse(read(`schemas/${file}`))).$id;
  const validate = ajv.getSchema(id) ?? ajv.compile(JSON.parse(read(`schemas/${file}`)));
  return validate(value) === true ? "valid" : validate.errors;
};

test("schemas/ is what the zod schemas say (else run: npm run schemas)", () => {
  const there = readdirSync("schemas", { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".json"));
  const wanted = schemaFiles();
  expect(there.toSorted()).toEqual([...wanted.keys()].toSorted());
  for (const [file, text] of wanted) expect({ file, text: read(`schemas/${file}`) }).toEqual({ file, text });
});

test("each kind has a schema of its spec, and each schema has an id, a title and a description", () => {
  const files = [...schemaFiles()];
  const specs = KINDS.map(({ kind, version }) => `kinds/${kind}@${version}.spec.json`);
  expect(files.map(([file]) => file)).toEqual(expect.arrayContaining(specs));
  const Head = z.looseObject({
    $schema: z.literal("https://json-schema.org/draft/2020-12/schema"),
    $id: z.string().regex(/^urn:harmony-edge:schema:[\w@]+$/),
    title: z.string().min(1),
    description: z.string().min(20),
  });
  const ids = files.map(([, text]) => Head.parse(JSON.parse(text)).$id);
  expect(new Set(ids).size).toBe(files.length);
});

describe("what was sent validates by an independent validator:", () => {
  test.each([
    ["status.json", "status.schema.json"],
    ["heartbeat.json", "heartbeat.schema.json"],
    ["capabilities.json", "capabilities.schema.json"],
    ["event-accepted.json", "event-record.schema.json"],
    ["event-job.json", "event-record.schema.json"],
    ["event-left-out.json", "event-record.schema.json"],
    ["plan.json", "plan.schema.json"],
    ["plan-refused.json", "plan.schema.json"],
    ["status-policies.json", "status.schema.json"],
    ["plan-policies.json", "plan.schema.json"],
    ["envelope-policies.json", "envelope.schema.json"],
    ["envelope-inline.json", "envelope.schema.json"],
    ["envelope-empty.json", "envelope.schema.json"],
    ["envelope-asset.json", "envelope.schema.json"],
    ["envelope-signed.json", "envelope.schema.json"],
  ])("%s by %s", (name, schema) => {
    expect(validates(schema, golden(name))).toBe("valid");
  });

  const Sent = z.object({ payload: z.string() });
  const Scores = z.object({ scores: z.record(z.string(), z.object({ spec: z.object({ json: z.unknown() }) })) });
  test.each(KINDS.map(({ kind, version }) => `${kind}@${version}`))(
    "the golden %s, its payload and its specs",
    (name) => {
      const envelope = golden(`${name}.json`);
      expect(validates("envelope.schema.json", envelope)).toBe("valid");
      const payload: unknown = JSON.parse(Sent.parse(envelope).payload);
      expect(validates("payload.schema.json", payload)).toBe("valid");
      for (const { spec } of Object.values(Scores.parse(payload).scores)) {
        expect(validates(`kinds/${name}.spec.json`, spec.json)).toBe("valid");
      }
    },
  );
});

describe("what no agent would send or take does not:", () => {
  const status = z.looseObject({}).parse(golden("status.json"));
  const envelope = z.looseObject({}).parse(golden("envelope-inline.json"));

  test.each([
    ["a status without an epoch", "status.schema.json", { ...status, epoch: undefined }],
    ["a status with a state that is none", "status.schema.json", { ...status, scores: { a: { state: "Fine" } } }],
    [
      "a heartbeat at no time",
      "heartbeat.schema.json",
      { ...z.looseObject({}).parse(golden("heartbeat.json")), at: "now" },
    ],
    [
      "capabilities as a list",
      "capabilities.schema.json",
      { ...z.looseObject({}).parse(golden("capabilities.json")), capabilities: ["FileSystemHost"] },
    ],
    ["a plan that is neither", "plan.schema.json", { _tag: "Maybe" }],
    ["an envelope of a later wire", "envelope.schema.json", { ...envelope, wire: 2 }],
    ["an envelope with more fields", "envelope.schema.json", { ...envelope, priority: 1 }],
    ["an envelope with payload and hash", "envelope.schema.json", { ...envelope, payloadSha256: "a".repeat(64) }],
    [
      "a payload of generation 0",
      "payload.schema.json",
      { agentId: "pi-7", generation: 0, issuedAt: "2026-11-23T08:00:00Z", scores: {} },
    ],
    [
      "a payload with an id in capitals",
      "payload.schema.json",
      { agentId: "pi-7", generation: 1, issuedAt: "2026-11-23T08:00:00Z", scores: { A: {} } },
    ],
    ["a File without a path", "kinds/File@1.spec.json", { content: "" }],
    ["a File with a field too many", "kinds/File@1.spec.json", { path: "/a", content: "", sudo: true }],
  ])("%s", (_, schema, value) => {
    expect(validates(schema, JSON.parse(JSON.stringify(value)))).not.toBe("valid");
  });

  test("but a status of a later agent, with more fields, does", () => {
    expect(validates("status.schema.json", { ...status, mood: "good" })).toBe("valid");
  });
});
