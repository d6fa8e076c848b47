import { existsSync, mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { KINDS } from "harmony-edge";
import { describe, expect, test } from "vitest";
import { agentOptions } from "../../../scripts/build.mjs";
import { AGENT_OPTIONS } from "../../../src/cli/bundle/agent-options.ts";
import { fileOf, type LinkedAgent, linkAgent } from "../../../src/cli/bundle/link-agent.ts";
import { ownModule, ownModules } from "../../../src/cli/bundle/own-modules.ts";
import { loadKinds } from "../../../src/cli/kinds-file.ts";
import { folder } from "../in-process.ts";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const own = ownModules(root);
const MOTD = `import { FileSystemHost, Score } from "harmony-edge";
import * as z from "zod";
export class MotdScore extends Score("Motd", {
  version: 1,
  requires: [FileSystemHost],
  spec: z.strictObject({ text: z.string() }),
  observed: z.strictObject({ state: z.literal("absent") }),
  step: z.strictObject({ do: z.literal("write") }),
}, {
  identity: () => "motd:",
  observe: () => ({ state: "absent" as const }),
  plan: () => [],
  retire: () => [],
  apply: () => {},
}) {}
`;

async function linked(files: Readonly<Record<string, string>>): Promise<LinkedAgent> {
  const cwd = folder({ "motd.ts": MOTD, ...files });
  if (!existsSync(join(cwd, "node_modules"))) {
    mkdirSync(join(cwd, "node_modules"));
    symlinkSync(join(root, "node_modules/zod"), join(cwd, "node_modules/zod"));
  }
  const loaded = await loadKinds("kinds.ts", { cwd, print: () => {} });
  if (loaded._tag !== "Kinds") throw new Error(JSON.stringify(loaded.problems));
  return linkAgent({ file: join(cwd, "kinds.ts"), kinds: loaded.kinds, own });
}
const textOf = (agent: LinkedAgent): string => {
  if (agent._tag !== "Linked") throw new Error(JSON.stringify(agent.problems));
  return new TextDecoder().decode(agent.code);
};

test("is bundled as the agent that comes with Harmony is", () => {
  expect(AGENT_OPTIONS).toMatchObject({ ...agentOptions });
});

test.each(KINDS.map((kind) => ({ kind, name: kind.kind })))(
  "$name is in the file that it is looked for in",
  ({ kind }) => {
    expect(existsSync(ownModule(own, `scores/${fileOf({ kind })}`))).toBe(true);
  },
);

describe("an agent of own kinds", () => {
  test("has them, and of Harmony's kinds and adapters those alone that it asks for", async () => {
    const all = await linked({
      "kinds.ts": `export { KINDS as default } from "harmony-edge";`,
    });
    const few = await linked({
      "kinds.ts": `import { FileScore } from "harmony-edge"; import { MotdScore } from "./motd.ts";
export default [FileScore, MotdScore] as const;`,
    });
    const [allText, fewText] = [textOf(all), textOf(few)];
    expect(few).toMatchObject({ capabilities: ["FileSystemHost"], unoffered: [] });
    expect(all).toMatchObject({ capabilities: { length: 7 }, unoffered: ["K8sClient"] });
    for (const word of ["podman", "org.freedesktop.systemd1", "nft", "dpkg"]) {
      expect([word, allText.includes(word)]).toEqual([word, true]);
    }
    expect(fewText).toContain('"Motd"');
    for (const word of ["/run/podman/podman.sock", "org.freedesktop.NetworkManager", "SystemdTimer", "dpkg-query"]) {
      expect([word, fewText.includes(word)]).toEqual([word, false]);
    }
    // What is left is the core: nats, zod and the reconciler.
    expect(fewText.length / allText.length).toBeLessThan(0.8);
  });

  test("knows what each kind brings along", async () => {
    const agent = await linked({
      "kinds.ts": `import { ContainerScore, FileScore } from "harmony-edge"; import { MotdScore } from "./motd.ts";
export default [FileScore, ContainerScore, MotdScore];`,
    });
    if (agent._tag !== "Linked") throw new Error(JSON.stringify(agent.problems));
    const { own: bytes, core, shared } = agent.shares;
    expect([...bytes.keys()]).toEqual(["ContainerRuntime", "FileSystemHost", "File@1", "Container@1", "Motd@1"]);
    expect(bytes.get("Motd@1")).toBeGreaterThan(100);
    expect(bytes.get("Motd@1")).toBeLessThan(2000);
    expect(bytes.get("Container@1")).toBeGreaterThan(bytes.get("File@1") ?? 0);
    // The bus, podman's API and Quadlet.
    expect(bytes.get("ContainerRuntime")).toBeGreaterThan(100_000);
    expect([...bytes.values()].reduce((sum, each) => sum + each, shared + core)).toBe(agent.code.length);
  });

  test("has one zod, whichever is installed beside the list", async () => {
    const agent = await linked({
      "kinds.ts": `import { MotdScore } from "./motd.ts"; export default [MotdScore];`,
      "node_modules/zod/package.json": `{"name":"zod","version":"4.99.0","main":"index.js"}`,
      "node_modules/zod/index.js": `module.exports = { ...require(${JSON.stringify(join(root, "node_modules/zod"))}), its: "another zod" };`,
    });
    expect(textOf(agent)).toContain('"Motd"');
    expect(textOf(agent)).not.toContain("another zod");
  });

  test.each(["node:fs", "node:child_process", "net"])("is refused with a kind that asks Node for %s", async (name) => {
    const agent = await linked({
      "kinds.ts": `import { MotdScore } from "./motd.ts"; import { a } from "./reach.ts"; console.log(a); export default [MotdScore];`,
      "reach.ts": `import * as it from "${name}"; export const a = Object.keys(it).length;`,
    });
    expect(agent).toMatchObject({
      _tag: "Broken",
      problems: [
        {
          file: expect.stringMatching(/\/reach\.ts$/),
          message: expect.stringContaining(`it imports ${name}: a kind reaches the device by its ports alone`),
        },
      ],
    });
  });

  test("may compute with what Node has for that", async () => {
    const agent = await linked({
      "kinds.ts": `import { MotdScore } from "./motd.ts"; import { createHash } from "node:crypto"; console.log(createHash("sha256")); export default [MotdScore];`,
    });
    expect(agent._tag).toBe("Linked");
  });
});
