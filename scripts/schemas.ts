// Writes schemas/: the JSON Schema of each document of the public contract and of the spec of each kind, from the zod
// schemas that the code itself reads and writes with, described by their comments. `npm run schemas`
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { argv } from "node:process";
import { fileURLToPath } from "node:url";
import * as z from "zod";
import * as snapshot from "../src/check/snapshot.ts";
import { KINDS } from "../src/scores/index.ts";
import { SCORE_ID } from "../src/topology/parts.ts";
import * as authors from "../src/wire/authors.ts";
import * as devicePolicy from "../src/wire/device-policy.ts";
import * as envelope from "../src/wire/envelope.ts";
import * as events from "../src/wire/events.ts";
import * as keys from "../src/wire/keys.ts";
import * as logs from "../src/wire/logs.ts";
import * as rollout from "../src/wire/rollout.ts";
import * as status from "../src/wire/status.ts";
import { kindDoc, type SchemaDoc, schemaDocs } from "./schema-docs.ts";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const folder = join(root, "schemas");

interface Document {
  readonly file: string;
  readonly title: string;
  readonly description: string;
  readonly schema: z.core.$ZodType;
}

const DOCUMENTS: readonly Document[] = [
  {
    file: "status.schema.json",
    title: "Status",
    description:
      "What an agent says of itself: the value of its key in the bucket actual-state, and of `harmony status ID --json`.",
    schema: status.AgentStatus,
  },
  {
    file: "heartbeat.schema.json",
    title: "Heartbeat",
    description: "That an agent lives: the value of its key in the bucket heartbeat.",
    schema: status.Heartbeat,
  },
  {
    file: "capabilities.schema.json",
    title: "Capabilities",
    description:
      "What an agent can do: the value of its key in the bucket capabilities, and what `harmony check --capabilities` takes.",
    schema: status.CapabilitiesDocument,
  },
  {
    file: "rollout.schema.json",
    title: "Rollout",
    description:
      "How a roll-out to many devices stands: the value of its key in the bucket rollouts. What `harmony rollout status ID --json` writes has no `manifests`, and of the lease no token.",
    schema: rollout.Rollout,
  },
  {
    file: "fleet-snapshot.schema.json",
    title: "FleetSnapshot",
    description:
      "What every agent of a fleet had published: what `harmony fleet capabilities --save FILE` writes, and `harmony check --capabilities FILE` takes.",
    schema: snapshot.FleetSnapshot,
  },
  {
    file: "plan.schema.json",
    title: "Plan",
    description: "What an agent answers to the question what it would do with an envelope.",
    schema: status.PlanReply,
  },
  {
    file: "logs.schema.json",
    title: "Logs",
    description: "What an agent answers to the question for a log; where that ends, it is asked again.",
    schema: logs.LogReply,
  },
  {
    file: "envelope.schema.json",
    title: "Envelope",
    description:
      "What an agent should be: the value of its key in the bucket desired-state. The payload is JSON text, or lies in the assets.",
    schema: envelope.Envelope,
  },
  {
    file: "payload.schema.json",
    title: "Payload",
    description: "The text within an envelope that is signed: a generation, and the Scores by id.",
    // An agent reads them one by one, so that a bad one does not take the others with it.
    schema: envelope.Payload.extend({ scores: z.record(z.string().regex(SCORE_ID), envelope.WireScore) }),
  },
  {
    file: "device-policy.schema.json",
    title: "DevicePolicy",
    description: "What the owner of a device lets others ask of it: the file of `harmony agent run --policy FILE`.",
    schema: devicePolicy.DevicePolicy,
  },
  {
    file: "authors.schema.json",
    title: "Authors",
    description: "Whose manifests a device takes: the file of `harmony agent run --authors FILE`.",
    schema: authors.AuthorsFile,
  },
  {
    file: "event-record.schema.json",
    title: "EventRecord",
    description:
      "What an agent puts on record: a line of events.*.jsonl on the device, and a message of the stream harmony-events.",
    schema: events.EventRecord,
  },
];

/** The comments of all schemas, by the schema. */
const docs = new Map<unknown, SchemaDoc>();
/** Schemas that are written once, and referred to by name. */
const named = z.registry<{ id: string }>();
for (const [file, module] of [
  ["keys", keys],
  ["status", status],
  ["envelope", envelope],
  ["device-policy", devicePolicy],
  ["authors", authors],
  ["events", events],
] as const) {
  const comments = schemaDocs(join(root, `src/wire/${file}.ts`));
  for (const [name, value] of Object.entries(module)) {
    const doc = comments.get(name);
    if (doc === undefined || !(value instanceof z.ZodType)) continue;
    docs.set(value, doc);
    if (DOCUMENTS.every(({ schema }) => schema !== value)) named.add(value, { id: name });
  }
}
named.add(status.ScoreError.shape.step, { id: "Json" });
docs.set(
  DOCUMENTS.find(({ title }) => title === "Payload")?.schema,
  docs.get(envelope.Payload) ?? { whole: undefined, fields: new Map() },
);

const sources = readdirSync(join(root, "src/scores")).map((file) => join(root, "src/scores", file));
const specs: readonly Document[] = KINDS.map(({ kind, version, requires, schema }) => {
  const doc = sources.map((file) => kindDoc(file, kind, version)).find((each) => each !== null);
  if (doc === undefined || doc === null) throw new Error(`no class of src/scores is ${kind}@${version}`);
  docs.set(schema.spec, doc);
  return {
    file: `kinds/${kind}@${version}.spec.json`,
    title: `${kind}@${version}`,
    description: `${doc.whole ?? ""} Requires ${requires.map(({ name }) => name).join(", ")}.`.trim(),
    schema: schema.spec,
  };
});

function textOf({ title, description, schema }: Document): string {
  const {
    $schema,
    description: _,
    ...rest
  } = z.toJSONSchema(schema, {
    target: "draft-2020-12",
    // As it may be written: what has a default may be left out, and what a later version adds is no error.
    io: "input",
    metadata: named,
    // Else dates are refused; the override below says what becomes of them, and refuses all others.
    unrepresentable: "any",
    override: ({ zodSchema, jsonSchema }) => {
      if (zodSchema._zod.def.type === "date") Object.assign(jsonSchema, WRITTEN_DATE);
      else if (UNREPRESENTABLE.has(zodSchema._zod.def.type)) {
        throw new Error(`${title}: JSON Schema has no word for ${zodSchema._zod.def.type}`);
      }
      // No format that JSON Schema knows; contentEncoding and the pattern say the same.
      if (jsonSchema.format === "base64") delete jsonSchema.format;
      const doc = docs.get(zodSchema);
      if (doc?.whole !== undefined) jsonSchema.description ??= doc.whole;
      for (const [field, text] of doc?.fields ?? []) {
        const property = jsonSchema.properties?.[field];
        // A copy: one schema may be the value of fields that say different things.
        if (typeof property !== "object") continue;
        jsonSchema.properties = { ...jsonSchema.properties, [field]: { ...property, description: text } };
      }
    },
  });
  return `${JSON.stringify({ $schema, $id: `urn:harmony-edge:schema:${title}`, title, description, ...rest }, null, 2)}\n`;
}

/** As superjson writes one; that it is one is said beside the spec, in `meta`. */
const WRITTEN_DATE = { type: "string", format: "date-time", pattern: String.raw`^[+-]?\d{4,6}-\d\d-\d\dT[\d:.]+Z$` };
const UNREPRESENTABLE: ReadonlySet<string> = new Set([
  "bigint",
  "symbol",
  "undefined",
  "void",
  "map",
  "set",
  "transform",
  "nan",
  "custom",
  "function",
  "promise",
  "file",
]);

/** All files of schemas/ by their path in it. */
export const schemaFiles = (): ReadonlyMap<string, string> =>
  new Map([...DOCUMENTS, ...specs].map((document) => [document.file, textOf(document)]));

if (argv[1] === fileURLToPath(import.meta.url)) {
  rmSync(folder, { recursive: true, force: true });
  for (const [file, text] of schemaFiles()) {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    writeFileSync(join(folder, file), text);
  }
}
