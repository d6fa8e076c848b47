import { expect, test } from "vitest";
import { downtimes } from "../../src/agent/downtime.ts";
import { ContainerScore, SystemdServiceScore, SystemdTimerScore, SystemdUnitScore } from "../../src/scores/index.ts";
import type { AnyScore, Disturbance } from "../../src/scores/score.ts";
import { FakeClock, settle } from "../../src/testing/fake-clock.ts";
import { FakeSystemdHost } from "../../src/testing/fake-systemd-host.ts";

const { signal: stop } = new AbortController();
const TEXT = "[Service]\nExecStart=/bin/web\n";

const around = (host: FakeSystemdHost | null, clock = new FakeClock()) => {
  const logged: string[] = [];
  const ports = host === null ? {} : { SystemdHost: host };
  return { ports, clock, stop, logged, log: (message: string) => void logged.push(message) };
};
const of = (...disturbed: readonly Disturbance[]) => new Map([["web", disturbed]]);
const restart = { unit: "web.service", does: "restart" } as const;

test("is what the supervisor measured the last time, and known to be unknown before that", async () => {
  const host = new FakeSystemdHost();
  host.put("web.service", { file: TEXT, active: "active", stopsInMs: 1100, startsInMs: 300 });
  const where = around(host);
  expect(await downtimes(of(restart), where)).toEqual(
    new Map([["web", [{ ...restart, took: { stopMs: null, startMs: 300 } }]]]),
  );
  await host.restart("web.service", { steadyMs: 0 }, stop);
  expect(await downtimes(of(restart), where)).toEqual(
    new Map([["web", [{ ...restart, took: { stopMs: 1100, startMs: 300 } }]]]),
  );
});

test("of what is not up a restart is a start, and of what is not there yet nothing is said", async () => {
  const host = new FakeSystemdHost();
  host.put("web.service", { file: TEXT, active: "failed" });
  expect(await downtimes(of(restart, { unit: "new.service", does: "start" }), around(host))).toEqual(
    new Map([["web", [{ unit: "web.service", does: "start", took: { stopMs: null, startMs: null } }]]]),
  );
});

test("is not known where there is no supervisor, or it fails or does not answer; and the plan goes on", async () => {
  const unknown = new Map([["web", [{ ...restart, took: null }]]]);
  expect(await downtimes(of(restart), around(null))).toEqual(unknown);

  const failing = new FakeSystemdHost();
  failing.lastTimes = async () => Promise.reject(new Error("no bus"));
  const where = around(failing);
  expect(await downtimes(of(restart), where)).toEqual(unknown);
  expect(where.logged).toHaveLength(1);

  const silent = new FakeSystemdHost();
  silent.lastTimes = () => new Promise(() => {});
  const clock = new FakeClock();
  const asked = downtimes(of(restart), around(silent, clock));
  await settle();
  await clock.advance(5000);
  expect(await asked).toEqual(unknown);
});

test("the supervisor is not asked where nothing is disturbed, and never to change anything", async () => {
  const calls: string[] = [];
  const host = new Proxy(new FakeSystemdHost(), {
    get(target, name) {
      calls.push(String(name));
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== "function") return member;
      return (...given: readonly unknown[]): unknown => Reflect.apply(member, target, given);
    },
  });
  await downtimes(new Map(), around(host));
  expect(calls).toEqual([]);
  await downtimes(of(restart), around(host));
  expect(new Set(calls)).toEqual(new Set(["units", "lastTimes"]));
});

test("each kind with something that runs says what its steps do to it", () => {
  const doing = (score: AnyScore, unit: Readonly<Record<string, string>>) =>
    ["start", "stop", "restart", "reload"].map((step) => score.bind().disturbs({ do: step, ...unit })?.does ?? null);
  const does = ["start", "stop", "restart", null];
  const service = new SystemdServiceScore({ name: "web", exec: ["/bin/web"] });
  expect(doing(service, { unit: "web.service" })).toEqual(does);
  expect(service.bind().disturbs({ do: "restartHung", unit: "web.service", because: "", times: 1 })).toEqual(restart);
  expect(doing(new SystemdUnitScore({ unit: "ssh.service" }), { unit: "ssh.service" })).toEqual(does);
  expect(doing(new SystemdTimerScore({ name: "t", onBootSeconds: 1 }), { unit: "t.timer" })).toEqual(does);
  const box = new ContainerScore({ name: "box", image: "127.0.0.1:5000/none:1" });
  expect(doing(box, { container: "box" })).toEqual(does);
  expect(box.bind().disturbs({ do: "restart", container: "box" })).toEqual({ unit: "box.service", does: "restart" });
});
