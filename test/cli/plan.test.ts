import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, expect, onTestFinished, test, vi } from "vitest";
import { connectStore } from "../../src/wire/nats/connect.ts";
import { AgentProcess, install, temporaryFolder } from "../agent/support/agent-process.ts";
import { envelopeOf, file } from "../agent/support/manifests.ts";
import { natsServer } from "../support/nats-server.ts";
import { folder, harmony, type HowToRun, manifestOf } from "./in-process.ts";
import { json } from "./scripted-fleet.ts";

let bundle = "";
beforeAll(async () => {
  const installed = await install();
  bundle = installed.harmony;
  return installed.remove;
});

/** A device that has converged on one.ts. */
async function scene() {
  const { url } = await natsServer();
  const root = await temporaryFolder();
  const cwd = folder({
    "one.ts": manifestOf({ motd: ["/srv/motd", "hello\nworld\n"], old: ["/srv/old", ""] }),
    "three.ts": manifestOf({
      motd: ["/srv/motd", "hello\nthere\n"],
      taken: ["/srv/theirs", "made\nby us\n"],
      key: ["/srv/private/key", "ours"],
    }),
    "two.ts": manifestOf({ motd: ["/srv/motd", "hello\nthere\n"] }),
  });
  const agent = new AgentProcess({ harmony: bundle, url, root });
  const run = (words: readonly string[], how: HowToRun = {}) => harmony([...words, "--server", url], { cwd, ...how });
  const first = await run(["apply", "one.ts", "--agent", "pi-7"]);
  expect(first.code).toBe(0);
  return { url, root, agent, run, motd: () => readFile(join(root, "srv/motd"), "utf8") };
}

test("shows what would be done, what is declared otherwise, and in one line that there is nothing to do", async () => {
  const { run } = await scene();
  const plan = await run(["plan", "two.ts", "--agent", "pi-7"]);
  expect(plan.out).toMatch(
    /^CHANGE motd \(File\)\n {9}write .*\n {9}\/srv\/motd, as it is on the device and as it would be:\n {11}@@ -1,2 \+1,2 @@\n {12}hello\n {11}-world\n {11}\+there\nRETIRE old \(File\)\n {9}remove .*\n {9}removeDirectoryIfEmpty .*\npi-7, from generation 1: 1 to change, 1 to remove\n$/,
  );
  expect(plan.code).toBe(0);
  expect(json((await run(["plan", "two.ts", "--agent", "pi-7", "--json"])).out)).toMatchObject({
    _tag: "Plan",
    scores: { motd: { would: "CHANGE" }, old: { would: "RETIRE" } },
    changes: [
      { id: "motd", fields: [{ field: "spec.content" }] },
      { id: "old", change: "removed" },
    ],
  });
  expect(await run(["plan", "one.ts", "--agent", "pi-7"])).toMatchObject({
    code: 0,
    out: "pi-7, from generation 1: nothing to do: all 2 Scores are as declared\n",
  });
});

test("shows what stands on the device now: drift, and a file before it is taken over; and why where it does not", async () => {
  const { run, root } = await scene();
  await writeFile(join(root, "srv/motd"), "hello\nby hand\n");
  await mkdir(join(root, "srv/private"), { mode: 0o700 });
  await writeFile(join(root, "srv/theirs"), "made\nby others\n");
  await writeFile(join(root, "srv/private/key"), "not for you\n");
  const plan = await run(["plan", "three.ts", "--agent", "pi-7"]);
  expect(plan.code).toBe(0);
  // The agent may have repaired it by then, or not.
  expect(plan.out).toMatch(/\n {11}-(by hand|world)\n {11}\+there\n/);
  expect(plan.out).toContain(
    "         /srv/theirs, as it is on the device and as it would be:\n           @@ -1,2 +1,2 @@\n            made\n           -by others\n           +by us\n",
  );
  expect(plan.out).toContain("what stands at /srv/private/key is not shown: not everybody on the device may read it\n");
  expect(plan.out).not.toContain("not for you");
});

test("of a device that does not answer what follows from what it told last is shown, and said to be that", async () => {
  const { agent, run } = await scene();
  await agent.kill("SIGKILL");
  const plan = await run(["plan", "two.ts", "--agent", "pi-7"]);
  expect(plan.code).toBe(4);
  expect(plan.out).toMatch(
    /^pi-7 does not answer \(last heard of \S+\)\. By what it told last, of generation 1, and not by a look:\nCHANGE motd \(File\), Ready when it was last told of\n {9}spec\.content:\n[^]*RETIRE old \(File\), Ready when/,
  );
  expect(json((await run(["plan", "one.ts", "--agent", "pi-7", "--json"])).out)).toMatchObject({
    _tag: "LastKnown",
    generation: 1,
    scores: { motd: { would: "NOOP", state: "Ready" }, old: { would: "NOOP" } },
  });
});

test("apply --plan ships what was agreed to, and nothing where there is nothing to do or nobody agrees", async () => {
  const { run, motd } = await scene();
  const apply = (name: string, how: HowToRun = {}, ...words: readonly string[]) =>
    run(["apply", name, "--agent", "pi-7", "--plan", ...words], how);
  expect(await apply("two.ts")).toMatchObject({ code: 2, out: "" });
  const declined = await apply("two.ts", { answer: "n", terminal: true });
  expect(declined.err).toContain("Nothing was shipped.");
  expect(declined.code).toBe(1);
  expect(await motd()).toBe("hello\nworld\n");

  const same = await apply("one.ts", {}, "--yes");
  expect(same).toMatchObject({
    code: 0,
    err: "pi-7, from generation 1: nothing to do: all 2 Scores are as declared\n",
  });
  expect(json((await run(["status", "pi-7", "--json"])).out)).toMatchObject({ generation: 1 });

  const taken = await apply("two.ts", { answer: "y", terminal: true });
  expect(taken.err).toContain("has converged on generation 2");
  expect(taken.code).toBe(0);
  expect(await motd()).toBe("hello\nthere\n");
});

test("apply --plan ships nothing once the device, or what it is to be, is another than the plan was made for", async () => {
  const { run, root, url, motd } = await scene();
  const apply = (answer: () => Promise<string>) =>
    run(["apply", "two.ts", "--agent", "pi-7", "--plan"], { answer, terminal: true });
  const moved = await apply(async () => {
    await writeFile(join(root, "srv/other"), "");
    return "y";
  });
  // Nothing that the plan is about has changed.
  expect(moved.code).toBe(0);
  expect(await motd()).toBe("hello\nthere\n");

  const connected = await connectStore({ servers: url });
  if (connected._tag === "Unreachable") throw new Error(connected.message);
  onTestFinished(() => connected.store.close());
  const scores = { motd: file("/srv/motd", "theirs") };
  const overtaken = await run(["apply", "one.ts", "--agent", "pi-7", "--plan"], {
    terminal: true,
    answer: async () => {
      await connected.store.put("desired-state", "pi-7", envelopeOf({ generation: 3, scores }));
      await vi.waitFor(async () => expect(await motd()).toBe("theirs"), { timeout: 10_000 });
      return "y";
    },
  });
  expect(overtaken.err).toContain("pi-7 has changed since the plan was made");
  expect(overtaken.code).toBe(1);
  expect(await motd()).toBe("theirs");
});
