import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, test, vi } from "vitest";
import * as z from "zod";
import { AgentProcess, install, temporaryFolder } from "../agent/support/agent-process.ts";
import { natsServer } from "../support/nats-server.ts";
import { folder, harmony, type HowToRun, manifestOf } from "./in-process.ts";
import { json } from "./scripted-fleet.ts";

let bundle = "";
beforeAll(async () => {
  const installed = await install();
  bundle = installed.harmony;
  return installed.remove;
});

const FLEET = `
import { FileScore, fleet, group, manifest, PiTopology } from "harmony-edge";
const greeting = { paris: "bonjour\\n", rome: "ciao\\n" };
export default fleet({
  kiosks: group("role=kiosk", PiTopology, { site: ["paris", "rome"] }, ({ labels }) =>
    manifest(PiTopology, { motd: new FileScore({ path: "/srv/motd", content: greeting[labels.site] }) })),
});
`;
const SITES = { "pi-1": "paris", "pi-2": "paris", "pi-3": "rome" } as const;
type Id = keyof typeof SITES;

/** Three devices that have converged on one.ts. */
async function scene() {
  const { url } = await natsServer();
  const cwd = folder({
    "one.ts": manifestOf({ motd: ["/srv/motd", "hello\nworld\n"] }),
    "two.ts": manifestOf({ motd: ["/srv/motd", "hello\nthere\n"] }),
    "wrong.ts": manifestOf({ motd: ["/srv/motd", "x"], dir: ["/srv/dir", "x"] }),
    "fleet.ts": FLEET,
  });
  const run = (words: readonly string[], how: HowToRun = {}) => harmony([...words, "--server", url], { cwd, ...how });
  const agents = new Map<string, AgentProcess>();
  const roots = new Map<string, string>();
  for (const [id, site] of Object.entries(SITES)) {
    const root = await temporaryFolder();
    await mkdir(join(root, "srv"));
    const args = ["--label", `site=${site}`, "--label", "role=kiosk"];
    agents.set(id, new AgentProcess({ harmony: bundle, url, root, id, args }));
    roots.set(id, root);
  }
  // It makes the buckets, too.
  for (const id of Object.keys(SITES)) {
    expect(await run(["apply", "one.ts", "--agent", id, "--no-wait"])).toMatchObject({ code: 0 });
  }
  const labelled = async (): Promise<void> => {
    const { out } = await run(["status", "--selector", "role=kiosk", "--json"]);
    for (const id of Object.keys(SITES)) expect(out).toContain(`"${id}"`);
  };
  await vi.waitFor(labelled, { timeout: 20_000, interval: 200 });
  const converged = await run(["apply", "one.ts", "--selector", "*"]);
  expect(converged.err).toContain("has begun");
  expect(converged.code).toBe(0);
  const place = (id: Id, path: string): string => join(roots.get(id) ?? "", path);
  return { run, agents, place, motd: (id: Id) => readFile(place(id, "srv/motd"), "utf8") };
}

const ALL = ["--agent", "pi-1", "--agent", "pi-2", "--agent", "pi-3"] as const;
const Document = z.looseObject({ groups: z.array(z.array(z.string())), plans: z.array(z.looseObject({})) });

describe("harmony plan for many", () => {
  test("tells those with the same plan once, a differing one apart, one that is gone marked, and sums up", async () => {
    const { run, agents, place, motd } = await scene();
    const same = await run(["plan", "two.ts", ...ALL]);
    expect(same.code).toBe(0);
    expect(same.out).toMatch(
      /^3 devices: pi-1, pi-2, pi-3, from generation 1: 1 to change\nCHANGE motd \(File\)\n {9}write [^\n]*\n {9}\/srv\/motd, as it is on the device and as it would be:\n {11}@@ -1,2 \+1,2 @@\n {12}hello\n {11}-world\n {11}\+there\n\n3 devices: 3 would change\n$/,
    );
    expect(await run(["plan", "one.ts", "--selector", "site=paris"])).toMatchObject({
      code: 0,
      out: "2 devices: pi-1, pi-2, from generation 1: nothing to do: all is as declared\n\n2 devices: 2 have nothing to do\n",
    });

    // A device where something stands in the way, and one that is gone.
    await mkdir(place("pi-2", "srv/dir"));
    await agents.get("pi-3")?.kill("SIGKILL");
    const apart = await run(["plan", "wrong.ts", ...ALL]);
    expect(apart.code).toBe(1);
    expect(apart.out).toMatch(/^pi-1, from generation 1: 2 to change$/m);
    expect(apart.out).toMatch(/^pi-2, from generation 1: 1 to change, 1 that would fail$/m);
    expect(apart.out).toMatch(
      /^pi-3 \(last heard of \S+\): does not answer\. By what it told last, and not by a look:$/m,
    );
    expect(apart.out).toMatch(/\n3 devices: 1 would change, 1 would fail or refuse something, 1 does not answer\n$/);

    const offline = await run(["plan", "two.ts", "--agent", "pi-1", "--agent", "pi-3", "--json"]);
    expect(offline.code).toBe(4);
    expect(json(offline.out)).toMatchObject({
      _tag: "Plans",
      plans: [
        { _tag: "Planned", agentId: "pi-1", plan: { scores: { motd: { standing: { text: "hello\nworld\n" } } } } },
        { _tag: "LastKnown", agentId: "pi-3" },
      ],
      groups: [["pi-1"], ["pi-3"]],
      summary: { devices: 2, change: 1, unanswered: 1 },
    });
    expect(await motd("pi-1")).toBe("hello\nworld\n");
  });

  test("makes for each its own of a fleet(), and goes by what stands on each device", async () => {
    const { run, place } = await scene();
    const each = Document.parse(json((await run(["plan", "fleet.ts", "--selector", "*", "--json"])).out));
    expect(each.groups).toEqual([["pi-1", "pi-2"], ["pi-3"]]);
    await writeFile(place("pi-1", "srv/other"), "by hand\n");
    const cwd = folder({
      "other.ts": manifestOf({ motd: ["/srv/motd", "hello\nworld\n"], o: ["/srv/other", "ours\n"] }),
    });
    const other = await run(["plan", "other.ts", ...ALL], { cwd });
    expect(other.out).toMatch(/^2 devices: pi-2, pi-3, /);
    expect(other.out).toContain("-by hand");
  });

  test("waits for no device longer than it may take, and tells how far it is", async () => {
    const { run, agents } = await scene();
    const pid = agents.get("pi-3")?.pid ?? 0;
    process.kill(pid, "SIGSTOP");
    const plan = await run(["plan", "two.ts", ...ALL, "--timeout", "2500ms"]);
    expect(plan.code).toBe(4);
    expect(plan.err).toContain("2 of 3 devices have been asked");
    expect(plan.out).toMatch(/^2 devices: pi-1, pi-2, /);
    expect(plan.out).toMatch(/^pi-3 \(last heard of \S+\): does not answer/m);
  });

  test("of one agent twice is of that one; and usage is refused by name", async () => {
    const { run } = await scene();
    expect(await run(["plan", "two.ts", "--agent", "pi-1", "--agent", "pi-1", "--json"])).toMatchObject({
      code: 0,
      out: expect.stringContaining('"_tag": "Plan"'),
    });
    expect(await run(["plan", "two.ts"])).toMatchObject({ code: 2, err: expect.stringContaining("--selector") });
    expect(await run(["plan", "two.ts", "--agent", "pi-1", "--selector", "*"])).toMatchObject({ code: 2 });
    expect(await run(["plan", "two.ts", "--selector", "site=oslo"])).toMatchObject({ code: 1 });
    expect(await run(["plan", "two.ts", ...ALL, "--pin"])).toMatchObject({ code: 2 });
    const stray = folder({ "two.ts": manifestOf({ a: ["/a", "1"] }), s: "correct horse" });
    expect(await run(["plan", "two.ts", ...ALL, "--secret", "psk=s"], { cwd: stray })).toMatchObject({
      code: 1,
      err: expect.stringContaining('no manifest refers to a secret "psk"'),
    });
  });
});

describe("harmony apply --selector --plan", () => {
  test("shows the plan of all and asks; ships nothing where nobody agrees, or there is nothing to do", async () => {
    const { run, motd } = await scene();
    const apply = (file: string, how: HowToRun = {}, ...words: readonly string[]) =>
      run(["apply", file, "--selector", "*", "--plan", ...words], how);
    expect(await apply("two.ts")).toMatchObject({ code: 2, err: expect.stringContaining("--yes") });
    const declined = await apply("two.ts", { answer: "n", terminal: true });
    expect(declined.err).toContain("3 devices: 3 would change");
    expect(declined.err).toContain("Nothing was shipped.");
    expect(declined.code).toBe(1);
    expect(await motd("pi-1")).toBe("hello\nworld\n");
    expect(await apply("one.ts", {}, "--yes")).toMatchObject({
      code: 0,
      err: expect.stringContaining("3 devices: 3 have nothing to do"),
    });
    const agreed = await apply("two.ts", { answer: "y", terminal: true });
    expect(agreed.code).toBe(0);
    for (const id of ["pi-1", "pi-2", "pi-3"] as const) expect(await motd(id)).toBe("hello\nthere\n");
  });

  test("begins nothing once one of the devices would do something else", async () => {
    const { run, place, motd } = await scene();
    const moved = await run(["apply", "wrong.ts", "--selector", "*", "--plan"], {
      terminal: true,
      answer: async () => {
        await writeFile(place("pi-2", "srv/dir"), "in the way by now");
        return "y";
      },
    });
    expect(moved.err).toContain("pi-2 has changed since the plan was made: nothing was shipped");
    expect(moved.code).toBe(1);
    expect(await motd("pi-1")).toBe("hello\nworld\n");
    // That of the scene alone.
    const { out } = await run(["rollout", "status", "--json"]);
    expect(new Set(out.match(/r-\d{8}-\d{4}-[0-9a-f]{4}/g)).size).toBe(1);
  });
});
