import { expect, test } from "vitest";
import { standingAt, untoldOf } from "../../src/agent/standing-text.ts";
import { PortError } from "../../src/capabilities/port-error.ts";
import { FileScore, ShellJobScore } from "../../src/scores/index.ts";
import { FakeFileSystem } from "../../src/testing/fake-file-system.ts";
import { encodeScore } from "../../src/wire/encode.ts";
import { makeKeyPair } from "../../src/wire/secrets/hpke.ts";
import { Opener } from "../../src/wire/secrets/opener.ts";
import { keyIdOf, sealFor, sealingKeyOf } from "../../src/wire/secrets/sealed.ts";
import { policyOf } from "../wire/policies.ts";
import { AgentRig, device } from "./support/agent-rig.ts";
import { AGENT, file, type Given } from "./support/manifests.ts";

/** What a plan tells of what stands where these files would be. */
async function standing(rig: AgentRig, scores: Readonly<Record<string, Given>>) {
  const reply = await rig.plan({ generation: 2, scores });
  if (typeof reply === "string" || reply._tag === "Refused") throw new Error(JSON.stringify(reply));
  return Object.fromEntries(
    Object.entries(reply.scores).map(([id, each]) => [id, "standing" in each ? each.standing : undefined]),
  );
}

test("a plan tells what stands where a text would be written: of others, and drifted; not where nothing is written", async () => {
  const on = device();
  on.files.watch = () => () => {};
  const rig = await AgentRig.start({ on });
  await rig.send({ generation: 1, scores: { drifted: file("/drifted", "1"), same: file("/same", "1") } });
  on.files.put("/drifted", { type: "file", text: "by hand" });
  on.files.put("/theirs", { type: "file", text: "theirs\n" });
  on.files.put("/mode", { type: "file", text: "text", mode: "0666" });
  const writes = on.files.writes;
  const asked = {
    drifted: file("/drifted", "1"),
    same: file("/same", "1"),
    theirs: file("/theirs", "ours"),
    fresh: file("/fresh", "new"),
    mode: file("/mode", "text"),
  };
  expect(await standing(rig, asked)).toEqual({
    drifted: { _tag: "Text", path: "/drifted", text: "by hand" },
    same: undefined,
    theirs: { _tag: "Text", path: "/theirs", text: "theirs\n" },
    fresh: undefined,
    mode: undefined,
  });
  expect(on.files.writes).toBe(writes);
});

test("what is private, large, or no text is not read out, whoever made it", async () => {
  const on = device();
  on.files.watch = () => () => {};
  const rig = await AgentRig.start({ on });
  await rig.send({ generation: 1, scores: { own: file("/own", "1", { mode: "0600" }) } });
  on.files.put("/own", { type: "file", text: "a password by hand", mode: "0600" });
  on.files.put("/shadow", { type: "file", text: "root:hash", mode: "0640" });
  on.files.put("/root", { type: "directory", mode: "0700" });
  on.files.put("/root/notes", { type: "file", text: "in a private place" });
  on.files.put("/large", { type: "file", text: "x".repeat(16 * 1024 + 1) });
  on.files.put("/binary", { type: "file", bytes: Uint8Array.of(0, 1) });
  const paths = { own: "/own", shadow: "/shadow", notes: "/root/notes", large: "/large", binary: "/binary" };
  const asked = Object.fromEntries(Object.entries(paths).map(([id, path]) => [id, file(path, "ours")]));
  const because = { own: "Private", shadow: "Private", notes: "Private", large: "TooLarge", binary: "NoText" };
  expect(await standing(rig, asked)).toEqual(
    Object.fromEntries(
      Object.entries(because).map(([id, why]) => [
        id,
        { _tag: "Withheld", path: asked[id]?.bind().shows, because: why },
      ]),
    ),
  );
});

test("what another Score asks not to be shown, and what looks like a secret, is taken out", () => {
  const files = new FakeFileSystem();
  files.put("/env", { type: "file", text: "A=correct horse\ntoken=abcdef\nkept\n" });
  const job = new ShellJobScore({
    name: "job",
    check: ["/bin/false"],
    run: ["/bin/true"],
    runAs: "pi",
    approver: "Ada",
    expires: new Date("2026-06-01T00:00:00.000Z"),
    environment: { A: "correct horse", B: "kept" },
    redact: ["A"],
  });
  const untold = untoldOf([encodeScore(job)], { opener: undefined, wasSecret: () => false });
  expect(standingAt(file("/env", "ours"), { FileSystemHost: files }, untold)).toEqual({
    _tag: "Text",
    path: "/env",
    text: "A=[redacted]\ntoken=[redacted]\nkept\n",
  });
});

test("what was made from a secret is not even read, and what holds one that the device can open is not told", () => {
  const keys = makeKeyPair();
  const opener = new Opener({ agentId: AGENT, keys: () => new Map([[keyIdOf(sealingKeyOf(keys)), keys]]) });
  const sealed = sealFor(Buffer.from("hunter2 and more\n"), [sealingKeyOf(keys)], { agentId: AGENT, name: "psk" });
  const wire = { ...encodeScore(file("/other", "x")), secrets: { psk: sealed } };
  const untold = untoldOf([wire], { opener, wasSecret: (identity) => identity === "path:/was" });
  const files = new FakeFileSystem();
  const reads: string[] = [];
  const read = files.sharedText.bind(files);
  files.sharedText = (path, options) => {
    reads.push(path);
    return read(path, options);
  };
  const told = (path: string) => standingAt(file(path, "ours"), { FileSystemHost: files }, untold);
  files.put("/was", { type: "file", text: "anything" });
  expect(told("/was")).toEqual({ _tag: "Withheld", path: "/was", because: "Secret" });
  expect(reads).toEqual([]);
  const spelt = ["psk=hunter2 and more", "hunter2%20and%20more", Buffer.from("hunter2 and more\n").toString("base64")];
  for (const text of spelt) {
    files.put("/copy", { type: "file", text });
    expect(told("/copy")).toEqual({ _tag: "Withheld", path: "/copy", because: "Secret" });
  }
  files.put("/copy", { type: "file", text: "hunter3" });
  expect(told("/copy")).toEqual({ _tag: "Text", path: "/copy", text: "hunter3" });
});

test("what cannot be read is said to be so, and where there are no files nothing is said", () => {
  const files = new FakeFileSystem();
  files.sharedText = () => {
    throw new PortError({ code: "NotPermitted", blame: "device", message: "No.", next: "Nothing." });
  };
  const untold = untoldOf([], { opener: undefined, wasSecret: () => false });
  expect(standingAt(file("/f", "ours"), { FileSystemHost: files }, untold)).toMatchObject({ because: "Unread" });
  expect(standingAt(file("/f", "ours"), {}, untold)).toBeNull();
  const bytes = new FileScore({ path: "/f", content: { base64: "AAEC" } });
  expect(standingAt(bytes, { FileSystemHost: files }, untold)).toBeNull();
});

test("a path that the device's policy does not allow is refused, and never read", async () => {
  const on = device();
  const asked: string[] = [];
  const read = on.files.sharedText.bind(on.files);
  on.files.sharedText = (path, options) => {
    asked.push(path);
    return read(path, options);
  };
  on.files.put("/etc/passwd", { type: "file", text: "root:x:0:0" });
  on.files.put("/srv/a", { type: "file", text: "a" });
  const rig = await AgentRig.start({ on, policy: () => policyOf({ paths: ["/srv"] }) });
  expect(await standing(rig, { out: file("/etc/passwd", "ours"), in: file("/srv/a", "ours") })).toEqual({
    out: undefined,
    in: { _tag: "Text", path: "/srv/a", text: "a" },
  });
  expect(asked).toEqual(["/srv/a"]);
});

test("an answer that is too large tells no texts, and says so", async () => {
  const rig = await AgentRig.start();
  const paths = Array.from({ length: 80 }, (_, at) => `/f${at}`);
  for (const path of paths) rig.device.files.put(path, { type: "file", text: "x".repeat(16 * 1024) });
  const told = await standing(rig, Object.fromEntries(paths.map((path) => [path.slice(1), file(path, "ours")])));
  expect(Object.values(told)).toEqual(paths.map((path) => ({ _tag: "Withheld", path, because: "TooLarge" })));
});
