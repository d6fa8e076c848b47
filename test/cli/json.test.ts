import { generateKeyPairSync } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import * as z from "zod";
import { enrolmentCode } from "../../src/wire/enrolment.ts";
import { AgentId, logsSubject } from "../../src/wire/keys.ts";
import { makeUserKey } from "../../src/wire/nats/nkey.ts";
import { Rollout } from "../../src/wire/rollout.ts";
import { capabilities, PI, scoreStatus } from "../fleet/scripted-agent.ts";
import { writeDocument } from "../../src/wire/status.ts";
import { folder, manifestOf, type Ran } from "./in-process.ts";
import { leaves } from "./leaves.ts";
import { ScriptedFleet } from "./scripted-fleet.ts";

vi.setConfig({ testTimeout: 120_000 });

/** What these write is for another program than one that reads JSON, or for nobody. */
const EXCEPTIONS: Readonly<Record<string, string>> = {
  agent: "another program, with a --json of its own where it tells anything",
  completion: "writes a script for a shell",
  man: "writes a page for man",
  dev: "goes on until it is ended; with --once, and what it says at each save, test/cli/dev.test.ts reads as JSON",
  "fleet serve": "goes on until it is ended; test/cli/fleet-setup/fleet.e2e.test.ts reads its one line",
};

const { privateKey, publicKey } = generateKeyPairSync("ed25519", {
  publicKeyEncoding: { type: "spki", format: "pem" },
  privateKeyEncoding: { type: "pkcs8", format: "pem" },
});
const CODE = enrolmentCode({ id: AgentId.parse("pi-9"), key: makeUserKey().publicKey });
const SHA = "0".repeat(64);

/** In this order: what one makes, the next ones tell of. `R` stands for the id of a roll-out that has stopped. */
const CALLS: readonly (readonly [command: string, ...words: readonly string[]])[] = [
  ["check", "m.ts"],
  ["apply", "m.ts", "--agent", PI],
  ["apply", "m2.ts", "--agent", PI],
  ["apply", "m.ts", "--selector", "role=kiosk"],
  ["plan", "m.ts", "--agent", PI, "--timeout", "300ms"],
  ["status", PI],
  ["status"],
  ["history", PI],
  ["diff", PI, "1", "2"],
  ["rollback", PI, "--to", "1", "--yes", "--no-wait"],
  ["blame", PI, "a"],
  ["events"],
  ["logs", PI],
  ["rollout status"],
  ["rollout status", "R"],
  ["rollout stop", "RUNNING"],
  ["rollout resume", "R"],
  ["rollout rm", "R"],
  ["sign", "m.ts", "--agent", PI, "--generation", "9", "--sign", "ada=ada.pem", "-o", "bundle.json"],
  ["verify", "bundle.json", "--trust", "ada=ada.pub"],
  ["kinds"],
  ["kinds", "File"],
  ["asset put", "m.ts"],
  ["asset rm", SHA],
  ["policy sign", "policy.json", "--sign", "ada=ada.pem", "--agent", PI],
  ["policy verify", "signed.json", "--policy-key", "ada=ada.pub"],
  ["doctor"],
  ["context add", "paris", "--server", "nats://paris:4222"],
  ["context use", "paris"],
  ["context list"],
  ["context show"],
  ["context remove", "paris"],
  ["fleet init", "--host", "nats.example.org"],
  ["fleet accept", CODE],
  ["fleet list"],
  ["fleet rekey", "viewer"],
  ["fleet revoke", "pi-9"],
  ["fleet capabilities"],
  ["bundle", "--kinds", "kinds.ts", "--no-check"],
  ["new fleet", "shops"],
  ["new kind", "Door"],
  ["remove", PI, "--yes", "--timeout", "1s"],
];

const fleet = new ScriptedFleet();

/** What is wrong with what a command wrote; null where it is one document, and nothing else. */
function wrongWith({ code, out, err }: Ran): string | null {
  if (code === 2) return `it ended with ${code}: ${err}`;
  try {
    const document: unknown = JSON.parse(out);
    return typeof document === "object" && document !== null ? null : `it wrote ${out}`;
  } catch {
    return `it ended with ${code} and wrote ${out === "" ? "nothing" : out}; ${err}`;
  }
}

test("each command writes one document with --json, and nothing else to standard output", async () => {
  await fleet.begin({ tells: () => [{ a: scoreStatus("Ready") }] });
  await fleet.device.put("capabilities", PI, writeDocument(capabilities({ labels: { role: "kiosk" } })));
  const lines = {
    _tag: "Lines",
    agentId: PI,
    source: "memory",
    units: [],
    items: [],
    cursor: null,
    isEnd: true,
  } as const;
  onTestFinished(fleet.device.serve(logsSubject(PI), () => Promise.resolve(writeDocument(lines))));
  const cwd = folder({
    "m.ts": manifestOf({ a: ["/a", "1"] }),
    "m2.ts": manifestOf({ a: ["/a", "2"] }),
    "kinds.ts": 'import { FileScore } from "harmony-edge";\n\nexport default [FileScore] as const;\n',
    "ada.pem": privateKey,
    "ada.pub": publicKey,
    "policy.json": '{"paths":["/srv"]}',
  });
  const env = { XDG_CONFIG_HOME: join(cwd, "config"), HARMONY_KNOWN_DEVICES: join(cwd, "known.json") };
  let rollout = "";
  const wrong: Record<string, string> = {};
  for (const [command, ...words] of CALLS) {
    if (words.includes("RUNNING")) await interrupted(rollout);
    const asked = words.map((word) => (word === "R" || word === "RUNNING" ? rollout : word));
    const ran = await fleet.run([...command.split(" "), ...asked, "--json"], { cwd, env });
    const why = wrongWith(ran);
    if (why !== null) wrong[[command, ...words].join(" ")] = why;
    else if (words.includes("--selector")) rollout = Rollout.shape.id.parse(Named.parse(JSON.parse(ran.out)).id);
    if (command === "policy sign") writeFileSync(join(cwd, "signed.json"), ran.out);
  }
  expect(wrong).toEqual({});
});
const Named = z.object({ id: z.string() });

/** As if whoever ran it had died. */
async function interrupted(id: string): Promise<void> {
  const found = await fleet.device.get("rollouts", id);
  if (found._tag !== "Value") throw new Error(found._tag);
  const known = Rollout.parse(JSON.parse(Buffer.from(found.value).toString()));
  const lease = { token: "dead", holder: "ada@desk", at: "2020-01-01T00:00:00.000Z" };
  const running: Rollout = { ...known, state: "Running", lease };
  await fleet.device.put("rollouts", id, Buffer.from(JSON.stringify(running)));
}

test("each command is called here, or is left out for a reason", async () => {
  const all = (await leaves()).map((words) => words.join(" "));
  const called = new Set(CALLS.map(([command]) => command));
  expect(all.length).toBeGreaterThan(35);
  expect(all.filter((command) => !called.has(command) && !Object.hasOwn(EXCEPTIONS, command))).toEqual([]);
  expect(Object.keys(EXCEPTIONS).filter((command) => !all.includes(command))).toEqual([]);
});
