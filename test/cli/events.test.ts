import { describe, expect, test } from "vitest";
import { sha256Of } from "../../src/wire/event-chain.ts";
import { AgentId } from "../../src/wire/keys.ts";
import { eventually } from "../agent/support/eventually.ts";
import { RestartableServer } from "../agent/support/restartable-server.ts";
import { natsServer } from "../support/nats-server.ts";
import { connected } from "../wire/nats/connected.ts";
import { harmony } from "./in-process.ts";
import * as z from "zod";

const PI = AgentId.parse("pi-7");
const at = "2026-11-24T08:00:00.000Z";
const head = (sequence: number, previous: string | null) =>
  ({ v: 1, agentId: PI, log: "0123456789abcdef", sequence, previous, at, uptimeMs: 1, bootId: "b", epoch: 1 }) as const;
const accepted = JSON.stringify({
  ...head(1, null),
  type: "ManifestAccepted",
  generation: 7,
  sha256: sha256Of("7"),
  signedBy: ["ops\u001b[31m"],
  scores: 3,
});
const refused = JSON.stringify({
  ...head(2, sha256Of(accepted)),
  type: "ManifestRefused",
  reason: "BadSignature",
  generation: null,
  sha256: sha256Of("x"),
  signedBy: [],
});
const Document = z.object({
  events: z.array(z.object({ position: z.int(), storedAt: z.iso.datetime(), sha256: z.string(), record: z.unknown() })),
  findings: z.array(z.unknown()),
});

async function scene(...lines: readonly string[]) {
  const { url } = await natsServer();
  const store = await connected({ servers: url });
  await store.ensureBuckets();
  const tell = (line: string) => store.tellEvent(PI, Buffer.from(line), sha256Of(line));
  for (const line of lines) expect(await tell(line)).toMatchObject({ _tag: "Told", isNew: true });
  return { url, tell };
}

describe("harmony events", () => {
  test("shows what was accepted and refused, and who signed it, with no colours and no control characters when piped", async () => {
    const { url } = await scene(accepted, refused);
    const { code, out, err } = await harmony(["events", "--server", url]);
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(out.split("\n").slice(0, -1)).toEqual([
      `${at}  pi-7      1  ManifestAccepted  generation 7, 3 Scores, signed by ops\ufffd[31m`,
      `${at}  pi-7      2  ManifestRefused   BadSignature, no generation, signed by nobody trusted`,
    ]);
    const one = await harmony(["events", "pi-7", "--type", "manifestrefused", "--server", url], { terminal: true });
    expect(one.out).toContain("\u001b[33mManifestRefused");
    expect(one.out).not.toContain("ManifestAccepted");
  });

  test("writes one document as JSON", async () => {
    const { url } = await scene(accepted, refused);
    const { code, out } = await harmony(["events", "pi-7", "--json", "--limit", "1", "--server", url]);
    expect(code).toBe(0);
    const document = Document.parse(JSON.parse(out));
    expect(document).toMatchObject({ events: [{ sha256: sha256Of(refused), record: { type: "ManifestRefused" } }] });
    expect(document.findings).toEqual([]);
  });

  test("ends with 1 where a record is missing", async () => {
    const third = JSON.stringify({ ...head(3, sha256Of(refused)), type: "Fenced", by: 2 });
    const { url } = await scene(accepted, third);
    const { code, err } = await harmony(["events", "--server", url]);
    expect(code).toBe(1);
    expect(err).toContain("pi-7: 1 records before record 3 were never told");
    const json = await harmony(["events", "--json", "--server", url]);
    expect(Document.parse(JSON.parse(json.out)).findings).toMatchObject([{ reason: "Gap", sequence: 3 }]);
    expect(json.code).toBe(1);
  });

  test("follows until it is told to end, a document a line", async () => {
    const { url, tell } = await scene(accepted);
    const end = new AbortController();
    let out = "";
    const running = harmony(["events", "-f", "--json", "--server", url], {
      signal: end.signal,
      onOutput: (text) => {
        out += text;
        if (out.split("\n").length === 2) void tell(refused);
        if (out.split("\n").length === 3) end.abort();
      },
    });
    expect((await running).code).toBe(0);
    const lines = out
      .trimEnd()
      .split("\n")
      .map((line): unknown => JSON.parse(line));
    expect(lines).toMatchObject([{ record: { sequence: 1 } }, { record: { sequence: 2 } }]);
  });

  test("follows on after the server was killed and came back: tells of the outage once, and each event once", async () => {
    const server = await RestartableServer.start();
    const store = await connected({ servers: server.url });
    await store.ensureBuckets();
    const tell = (line: string) => store.tellEvent(PI, Buffer.from(line), sha256Of(line));
    await tell(accepted);
    const end = new AbortController();
    let all = "";
    const running = harmony(["events", PI, "--follow", "--json", "--server", server.url], {
      signal: end.signal,
      onOutput: (text) => (all += text),
    });
    await eventually("it shows what there is", () => all.includes('"sequence":1'));
    await server.kill();
    await eventually(
      "it tells of the outage",
      () => all.includes("error: "),
      () => all,
    );
    await server.again();
    await eventually("the next one is told", async () => (await tell(refused))._tag === "Told");
    await eventually(
      "it goes on",
      () => all.includes('"sequence":2'),
      () => all,
    );
    end.abort();
    const { code, out, err } = await running;
    expect(code).toBe(0);
    const lines = out.trimEnd().split("\n");
    expect(lines.map((line): unknown => JSON.parse(line))).toMatchObject([
      { record: { sequence: 1 } },
      { record: { sequence: 2 } },
    ]);
    expect(err.match(/error: /g)).toHaveLength(1);
  });

  test("says where there are none, and ends with 4 where there is no stream or no server", async () => {
    const { url } = await scene();
    expect(await harmony(["events", "pi-8", "--server", url])).toEqual({
      code: 0,
      out: "",
      err: "No events of pi-8 are stored.\n",
    });
    const bare = await natsServer();
    expect(await harmony(["events", "--server", bare.url])).toMatchObject({ code: 4, out: "" });
    expect(await harmony(["events", "--server", "nats://127.0.0.1:1"])).toMatchObject({ code: 4, out: "" });
  });
});
