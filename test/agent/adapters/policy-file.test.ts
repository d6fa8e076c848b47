import { chmod, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import { agentPolicy } from "../../../src/agent/adapters/agent-policy.ts";
import { PolicyFile } from "../../../src/agent/adapters/policy-file.ts";
import { StateDirectory } from "../../../src/agent/adapters/state-directory.ts";
import { readPolicy } from "../../../src/wire/device-policy.ts";
import { temporaryFolder } from "../support/agent-process.ts";
import { eventually } from "../support/eventually.ts";
import { AGENT } from "../support/manifests.ts";

let folder = "";
let path = "";
let state: StateDirectory;
const reserved = { paths: [], units: [] };
const open = () => PolicyFile.open({ path, reserved, disk: state, log: () => {} });
const says = (rules: unknown) => writeFile(path, typeof rules === "string" ? rules : JSON.stringify(rules));
const copied = (of: string) =>
  eventually("the copy is saved", async () => {
    const copy = await state.read("policy.json");
    return copy !== null && Buffer.from(copy).toString() === of;
  });

beforeEach(async () => {
  folder = await temporaryFolder();
  path = join(folder, "policy.json");
  state = await StateDirectory.open(folder, join(folder, "state"));
});

describe("the file of a policy", () => {
  test("is read at the start, and again when it has changed, and is the same object until then", async () => {
    await says({ kinds: ["File"] });
    const file = await open();
    expect(file.current()).toEqual({
      reserved,
      policies: [{ name: path, rules: { kinds: ["File"] } }],
      unreadable: null,
    });
    expect(file.current()).toBe(file.current());
    await says({ kinds: ["Directory"] });
    expect(file.current().policies[0]?.rules).toEqual({ kinds: ["Directory"] });
  });

  test("is read again when another is put in its place, as an editor does", async () => {
    await says({ kinds: ["File"] });
    const file = await open();
    await writeFile(`${path}.new`, '{"kinds":["Dir"]}');
    await rename(`${path}.new`, path);
    expect(file.current().policies[0]?.rules).toEqual({ kinds: ["Dir"] });
  });

  test.each([
    ["is broken", () => says("{")],
    ["has a rule that nobody knows", () => says({ kind: [] })],
    ["is gone", () => rm(path)],
    ["is a directory", async () => rm(path).then(() => StateDirectory.open(folder, path))],
  ])("that %s leaves the rules before and says why, also after a restart", async (_, harm) => {
    await says({ kinds: ["File"] });
    const file = await open();
    await copied('{"kinds":["File"]}');
    await harm();
    const before = {
      policies: [{ name: path, rules: { kinds: ["File"] } }],
      unreadable: expect.stringContaining(path),
    };
    expect(file.current()).toMatchObject(before);
    expect((await open()).current()).toMatchObject(before);
  });

  test("that was never read allows nothing", async () => {
    await says("{");
    expect((await open()).current()).toMatchObject({ policies: [{ rules: { kinds: [] } }] });
  });

  test("that can be read again holds again", async () => {
    await says("{");
    const file = await open();
    await says({ paths: ["/srv"] });
    expect(file.current()).toMatchObject({ policies: [{ rules: { paths: ["/srv"] } }], unreadable: null });
    await chmod(path, 0o644);
  });
});

describe("what is the agent's own", () => {
  const given = { agentId: AGENT, signedPolicy: null, configFile: null, credsFile: null, trust: [], log: () => {} };

  test("are its state, its policy, its key and whom it trusts, under the names that Scores have for them", async () => {
    await says({});
    const others = { credsFile: join(folder, "creds"), trust: [{ name: "ops", file: join(folder, "ops.pem") }] };
    const policy = await agentPolicy({ ...given, ...others, root: folder, state, policyFile: path });
    expect(policy.current().reserved).toEqual({
      paths: ["/state", "/policy.json", "/creds", "/ops.pem"],
      units: [],
    });
    expect(policy.reserved).toContain(path);
  });

  test("is also what a link to the policy leads to", async () => {
    await says({});
    const link = join(folder, "link.json");
    await symlink(path, link);
    const policy = await agentPolicy({ ...given, root: folder, state, policyFile: link });
    expect(policy.current().reserved.paths).toEqual(["/state", "/link.json", "/policy.json"]);
  });

  test("is on a whole machine also what starts it", async () => {
    const { current } = await agentPolicy({ ...given, root: "/", state, policyFile: null });
    const { paths, units } = current().reserved;
    expect(paths).toEqual(
      expect.arrayContaining([state.path, "/etc/harmony-edge", "/etc/systemd/system/harmony-agent.service.d"]),
    );
    expect(units).toEqual(["harmony-agent.service"]);
    expect(current().policies).toEqual([]);
  });
});

test("the example can be read", async () => {
  const example = await readFile(new URL("../../../examples/device-policy.json", import.meta.url));
  expect(readPolicy(example)).toMatchObject({ _tag: "Policy", rules: { unbounded: ["SystemdService"] } });
});
