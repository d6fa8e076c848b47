import { expect, test } from "vitest";
import { SystemdReloads } from "../../../src/agent/adapters/systemd-reloads.ts";

/** A systemd that takes a turn of the event loop to read all unit files. */
class Files {
  readonly old = new Set<string>();
  readonly reloads: (readonly string[])[] = [];
  fails = false;
  onReload = (): void => {};
  readonly parts = {
    areOld: async (units: readonly string[]) => units.some((unit) => this.old.has(unit)),
    reload: async (units: readonly string[]) => {
      this.reloads.push(units);
      if (this.fails) throw new Error("no");
      for (const unit of this.old) this.old.delete(unit);
      this.onReload();
      await new Promise((resume) => setImmediate(resume));
    },
  };
}

test("wishes of one turn are granted by one reload, and none is made where nobody needs it", async () => {
  const files = new Files();
  const reloads = new SystemdReloads(files.parts);
  files.old.add("a").add("b");
  await Promise.all([reloads.wish("a"), reloads.wish("b"), reloads.wish("c")]);
  expect(files.reloads).toEqual([["a", "b", "c"]]);
  await Promise.all([reloads.wish("a"), reloads.wish("b")]);
  expect(files.reloads).toHaveLength(1);
});

test("a wish that comes during a reload has another one made, where its files are newer than that", async () => {
  const files = new Files();
  const reloads = new SystemdReloads(files.parts);
  const during: Promise<void>[] = [];
  files.onReload = () => {
    files.onReload = () => {};
    files.old.add("b");
    during.push(reloads.wish("b"), reloads.wish("a"));
  };
  files.old.add("a");
  await reloads.wish("a");
  await Promise.all(during);
  expect(files.reloads).toEqual([["a"], ["b", "a"]]);
});

test("a change of enablement has one made, however old the files are, and a reload by somebody else takes that away", async () => {
  const files = new Files();
  const reloads = new SystemdReloads(files.parts);
  reloads.stale();
  await reloads.wish("a");
  expect(files.reloads).toHaveLength(1);
  reloads.stale();
  reloads.done();
  await reloads.wish("a");
  expect(files.reloads).toHaveLength(1);
});

test("a reload that fails is told to all who wished it, and is made at the next wish", async () => {
  const files = new Files();
  const reloads = new SystemdReloads(files.parts);
  reloads.stale();
  files.fails = true;
  const told = await Promise.allSettled([reloads.wish("a"), reloads.wish("b")]);
  expect(told.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  files.fails = false;
  await reloads.wish("a");
  expect(files.reloads).toHaveLength(2);
});
