import { describe, expect, test } from "vitest";
import { settle } from "../../src/testing/fake-clock.ts";
import { file, free, probe, service } from "./support/manifests.ts";
import { ReconcilerRig } from "./support/reconciler-rig.ts";

const restartOn = { web: ["motd"] };
const of = (motd: string, generation = 1) => ({
  generation,
  scores: { motd: probe("motd", motd, 2), web: free("web") },
  restartOn,
});
const restarts = (rig: ReconcilerRig): number => rig.probe.did.filter((did) => did === "restart web").length;

describe("a Score that restarts on another", () => {
  test("is restarted once, after the change, and not for a change of its own making that starts it anyway", async () => {
    const rig = await ReconcilerRig.open();
    await rig.accept(of("1"));
    expect(restarts(rig)).toBe(0);
    await rig.clock.advance(60_000);
    rig.logged.length = 0;
    await rig.accept(of("2", 2));
    expect(rig.probe.did.slice(-3)).toEqual(["set motd/0=2", "set motd/1=2", "restart web"]);
    expect(rig.status("web")).toMatchObject({ state: "Ready", outcome: "SUCCESS", change: "intentional" });
    expect(rig.logged.filter(({ fields }) => fields["restartedOn"] !== undefined)).toEqual([
      {
        message: "a Score was applied",
        fields: expect.objectContaining({
          id: "web",
          did: [{ do: "restart", part: "web", gathers: false }],
          restartedOn: ["motd"],
        }),
      },
    ]);
    rig.reconciler.lookAtAll();
    await rig.clock.advance(60_000);
    expect(restarts(rig)).toBe(1);
    expect([...rig.ledger.notices]).toEqual([]);
  });

  test("is restarted where drift was repaired, as a correction", async () => {
    const rig = await ReconcilerRig.open();
    await rig.accept(of("1"));
    await rig.clock.advance(60_000);
    rig.probe.tamper("motd/1", "wrong");
    await rig.clock.advance(1000);
    expect(rig.probe.did.slice(-2)).toEqual(["set motd/1=1", "restart web"]);
    expect(rig.status("web")).toMatchObject({ outcome: "SUCCESS", change: "corrective" });
  });

  test("is not restarted where nothing changed, also for a new generation", async () => {
    const rig = await ReconcilerRig.open();
    await rig.accept(of("1"));
    await rig.accept(of("1", 2));
    expect(restarts(rig)).toBe(0);
  });

  test("is restarted once the change is whole: not while it goes on, nor while it fails", async () => {
    const rig = await ReconcilerRig.open();
    await rig.accept(of("1"));
    rig.probe.fails("motd/1");
    await rig.accept(of("2", 2));
    rig.reconciler.lookAtAll();
    await settle();
    expect([rig.states, restarts(rig)]).toEqual([{ motd: "Failed", web: "Ready" }, 0]);
    rig.probe.heals("motd/1");
    await rig.clock.advance(5000);
    expect(restarts(rig)).toBe(1);
    expect(rig.probe.did.at(-1)).toBe("restart web");
  });

  test("is restarted again for a change that came while it was being restarted", async () => {
    const rig = await ReconcilerRig.open();
    await rig.accept(of("1"));
    const release = rig.probe.hangs("web");
    await rig.accept(of("2", 2));
    expect(restarts(rig)).toBe(1);
    await rig.accept(of("3", 3));
    release();
    await settle();
    expect(restarts(rig)).toBe(2);
    expect([...rig.ledger.notices]).toEqual([]);
  });

  test("is tried again when it could not be restarted", async () => {
    const rig = await ReconcilerRig.open();
    await rig.accept(of("1"));
    rig.probe.fails("web");
    await rig.accept(of("2", 2));
    expect(rig.status("web")).toMatchObject({ state: "Failed", error: { step: { do: "restart" } } });
    rig.probe.heals("web");
    await rig.clock.advance(1500);
    expect([rig.states["web"], restarts(rig)]).toEqual(["Ready", 2]);
    await rig.clock.advance(600_000);
    expect(restarts(rig)).toBe(2);
  });

  test("is restarted by the next start of an agent that was killed after the change, or in the middle of it", async () => {
    for (const part of ["motd/0", "motd/1", "web"]) {
      const rig = await ReconcilerRig.open();
      await rig.accept(of("1"));
      rig.probe.hangs(part);
      await rig.accept(of("2", 2));
      const before = restarts(rig);
      const next = await rig.crash();
      next.probe.heals(part);
      await next.accept(of("2", 2), "corrective");
      expect([part, restarts(next) - before]).toEqual([part, 1]);
      expect(next.probe.did.at(-1)).toBe("restart web");
      expect(next.status("web")).toMatchObject({ state: "Ready", change: "intentional" });
      await next.ledger.flush();
      const last = await next.crash();
      await last.accept(of("2", 2), "corrective");
      expect(restarts(last) - before).toBe(1);
    }
  });

  test("is restarted by the next start also because of one that nobody looks at any more", async () => {
    const unseen = (motd: string, generation = 1) => ({
      generation,
      scores: { motd: probe("motd", motd, 2), web: free("web") },
      restartOn,
      policies: { motd: { drift: "ignore" as const } },
    });
    const rig = await ReconcilerRig.open();
    await rig.accept(unseen("1"));
    rig.probe.hangs("web");
    await rig.accept(unseen("2", 2));
    const before = restarts(rig);
    await rig.ledger.flush();
    const next = await rig.crash();
    next.probe.heals("web");
    await next.accept(unseen("2", 2), "corrective");
    expect(restarts(next) - before).toBe(1);
  });

  test("is not restarted again by the next start of an agent that was killed after the restart", async () => {
    const rig = await ReconcilerRig.open();
    await rig.accept(of("1"));
    const release = rig.probe.hangs("web");
    await rig.accept(of("2", 2));
    // It is restarted, and the look after that does not come to its end.
    rig.probe.blinds("web/0");
    release();
    await settle();
    expect([restarts(rig), rig.probe.runOf("web")]).toEqual([1, 1]);
    const next = await rig.crash();
    next.probe.heals("web/0");
    await next.accept(of("2", 2), "corrective");
    expect(restarts(next)).toBe(1);
    expect(next.status("web")).toMatchObject({ state: "Ready" });
    expect([...next.ledger.notices]).toEqual([]);
    await next.accept(of("3", 3));
    expect(restarts(next)).toBe(2);
  });

  test("is restarted for a change that came after a restart of which the end was not told", async () => {
    const rig = await ReconcilerRig.open();
    await rig.accept(of("1"));
    const release = rig.probe.hangs("web");
    await rig.accept(of("2", 2));
    rig.probe.blinds("web/0");
    release();
    await settle();
    const next = await rig.crash();
    next.probe.heals("web/0");
    await next.accept(of("3", 3));
    expect(restarts(next)).toBe(2);
  });

  test("is not restarted any more when a newer manifest does not ask for it", async () => {
    const rig = await ReconcilerRig.open();
    await rig.accept(of("1"));
    rig.probe.fails("motd/1");
    await rig.accept(of("2", 2));
    rig.probe.heals("motd/1");
    await rig.accept({ ...of("2", 3), restartOn: {} });
    await rig.clock.advance(5000);
    expect([rig.states, restarts(rig)]).toEqual([{ motd: "Ready", web: "Ready" }, 0]);
    expect([...rig.ledger.notices]).toEqual([]);
  });

  test("passes nothing on by that: to be restarted is no change, so two may restart on each other", async () => {
    const rig = await ReconcilerRig.open();
    const wanted = (a: string, generation: number) => ({
      generation,
      scores: { a: free("a", { value: a }), b: free("b"), c: free("c") },
      restartOn: { a: ["b"], b: ["a"], c: ["b"] },
    });
    await rig.accept(wanted("1", 1));
    await rig.clock.advance(60_000);
    rig.probe.did.length = 0;
    await rig.accept(wanted("2", 2));
    await rig.clock.advance(60_000);
    expect(rig.probe.did).toEqual(["set a/0=2", "restart b"]);
  });

  test("that is Blocked meanwhile is restarted when its turn comes", async () => {
    const rig = await ReconcilerRig.open();
    const wanted = (motd: string, generation: number) => ({ ...of(motd, generation), after: { web: ["motd"] } });
    await rig.accept(wanted("1", 1));
    rig.probe.fails("motd/1");
    await rig.accept(wanted("2", 2));
    expect(rig.states).toEqual({ motd: "Failed", web: "Blocked" });
    rig.probe.heals("motd/1");
    await rig.clock.advance(5000);
    expect([rig.states["web"], restarts(rig)]).toEqual(["Ready", 1]);
  });

  test("of a kind that runs nothing goes on as if nothing had been said, and that is told in the log", async () => {
    const rig = await ReconcilerRig.open();
    const scores = { motd: probe("motd"), f: file("/f") };
    await rig.accept({ generation: 1, scores, restartOn: { f: ["motd"] } });
    expect(rig.states).toEqual({ motd: "Ready", f: "Ready" });
    expect(rig.logged.map(({ message }) => message)).toContainEqual(expect.stringContaining("restartOn has no effect"));
  });
});

test("a service is restarted for a changed file, and started only once when it is changed together with it", async () => {
  const rig = await ReconcilerRig.open();
  const wanted = (content: string, generation: number, environment = {}) => ({
    generation,
    scores: { web: service("web", environment), conf: file("/conf", content) },
    restartOn: { web: ["conf"] },
    after: { web: ["conf"] },
  });
  await rig.accept(wanted("1", 1));
  await rig.accept(wanted("2", 2));
  await rig.accept(wanted("3", 3, { A: "1" }));
  const did = rig.logged.filter(({ fields }) => fields["id"] === "web").map(({ fields }) => fields["did"]);
  const steps = (...names: readonly string[]): unknown =>
    names.map((name): unknown => expect.objectContaining({ do: name }));
  expect(did).toEqual([
    steps("write", "enable", "reload", "start"),
    steps("restart"),
    steps("write", "reload", "restart"),
  ]);
});
