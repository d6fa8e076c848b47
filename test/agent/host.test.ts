import { expect, test } from "vitest";
import type { Detection } from "../../src/agent/adapters/offering.ts";
import { Host } from "../../src/agent/host.ts";
import { FileSystemHost } from "../../src/capabilities/file-system-host.ts";
import { K8sClient } from "../../src/capabilities/k8s-client.ts";
import { FakeClock, settle } from "../../src/testing/fake-clock.ts";
import { FakeFileSystem } from "../../src/testing/fake-file-system.ts";
import { FakeK8sClient } from "../../src/testing/fake-k8s-client.ts";
import { topology } from "../../src/topology/topology.ts";

const Place = topology("Place", [FileSystemHost, K8sClient]);
const found = (facts: Readonly<Record<string, unknown>> = {}): Detection => ({ _tag: "Found", facts });
const absent = (reason: string): Detection => ({ _tag: "Absent", reason });

function hostWith(detect: { files: () => Promise<Detection>; cluster: () => Promise<Detection> }) {
  const clock = new FakeClock();
  const it = { changes: 0, looks: 0, logged: [] as string[], closed: 0 };
  const offering = <Port>(port: Port, look: () => Promise<Detection>) => ({
    port,
    detect: () => {
      it.looks += 1;
      return look();
    },
    close: () => void (it.closed += 1),
  });
  const host = new Host({
    topology: Place,
    offerings: {
      FileSystemHost: offering(new FakeFileSystem(), () => detect.files()),
      K8sClient: offering(new FakeK8sClient(), () => detect.cluster()),
    },
    clock,
    log: (message) => void it.logged.push(message),
  });
  host.onChange(() => void (it.changes += 1));
  const offers = (): readonly string[] => host.topology.offers.map(({ name }) => name);
  return { host, clock, it, offers };
}

test("before the first look nothing is offered, and that is said", () => {
  const { host, offers } = hostWith({ files: async () => found(), cluster: async () => found() });
  expect(offers()).toEqual([]);
  expect(host.topology.absent).toEqual({ FileSystemHost: "not looked for yet", K8sClient: "not looked for yet" });
});

test("a look finds what is there with its facts, and why the rest is not", async () => {
  const { host, offers } = hostWith({
    files: async () => found({ root: "/" }),
    cluster: async () => absent("no cluster in sight"),
  });
  await host.look();
  expect(host.topology).toMatchObject({ name: "Place", absent: { K8sClient: "no cluster in sight" } });
  expect(offers()).toEqual(["FileSystemHost"]);
  expect(host.facts).toEqual({ FileSystemHost: { root: "/" } });
  // The port is there all the same: it is the gate that keeps Scores from it.
  expect(Object.keys(host.ports)).toEqual(["FileSystemHost", "K8sClient"]);
});

test("what can never come while the agent runs is not looked for again", async () => {
  const { host, clock, it } = hostWith({
    files: async () => found(),
    cluster: async () => ({ ...absent("not enabled"), isFinal: true }),
  });
  await host.look();
  const { looks } = it;
  await clock.advance(400_000);
  expect(it.looks).toBe(looks);
});

test("what is absent at boot is looked for again, ever more rarely, until it is there", async () => {
  let cluster = absent("not up yet");
  const { host, clock, it, offers } = hostWith({ files: async () => found(), cluster: async () => cluster });
  await host.look();
  const first = it.looks;
  await clock.advance(7_000);
  expect(it.looks).toBe(first + 2 * 3);
  cluster = found();
  await clock.advance(8_000);
  expect(offers()).toEqual(["FileSystemHost", "K8sClient"]);
  expect(it.changes).toBe(2);
  const then = it.looks;
  await clock.advance(600_000);
  expect(it.looks).toBe(then);
});

test("a capability that stays absent is given up looking for, until something changes", async () => {
  const { host, clock, it } = hostWith({ files: async () => found(), cluster: async () => absent("never") });
  await host.look();
  await clock.advance(200_000);
  const then = it.looks;
  await clock.advance(3_600_000);
  expect(it.looks).toBe(then);
  host.lookSoon();
  host.lookSoon();
  await clock.advance(600);
  expect(it.looks).toBe(then + 2);
});

test("the same again is no change, and a changed fact is one", async () => {
  let version = 1;
  const { host, it } = hostWith({ files: async () => found({ version }), cluster: async () => found() });
  await host.look();
  await host.look();
  expect(it.changes).toBe(1);
  version = 2;
  await host.look();
  expect(it.changes).toBe(2);
  expect(host.facts["FileSystemHost"]).toEqual({ version: 2 });
});

test("a host that does not answer has not lost what it had; one that never answered offers nothing", async () => {
  let answers = true;
  const never = new Promise<Detection>(() => {});
  const { host, clock, offers } = hostWith({
    files: async () => (answers ? found() : never),
    cluster: () => never,
  });
  const first = host.look();
  await clock.advance(10_000);
  await first;
  expect(host.topology.absent).toEqual({ K8sClient: "gave no answer within 10 s" });
  answers = false;
  const second = host.look();
  await clock.advance(10_000);
  await second;
  expect(offers()).toEqual(["FileSystemHost"]);
});

test("an adapter that throws is told as a bug, and its capability is absent", async () => {
  const { host, it } = hostWith({
    files: async () => found(),
    cluster: async () => {
      throw new Error("oops");
    },
  });
  await host.look();
  expect(host.topology.absent).toEqual({ K8sClient: "Error: oops" });
  expect(it.logged).toContain("a bug of an adapter: its look failed");
});

test("who asks while a look is under way gets one that began after the question", async () => {
  const answers: ((found: Detection) => void)[] = [];
  const { host, it } = hostWith({
    files: () => new Promise((resolve) => answers.push(resolve)),
    cluster: async () => found(),
  });
  const first = host.look();
  const second = host.look();
  answers[0]?.(absent("old news"));
  await settle();
  answers[1]?.(found());
  await Promise.all([first, second]);
  expect(it.looks).toBe(4);
  expect(host.topology.absent).toEqual({});
});

test("a closed host looks no more, and lets go of everything", async () => {
  const { host, clock, it } = hostWith({ files: async () => found(), cluster: async () => absent("no") });
  await host.look();
  host.close();
  const then = it.looks;
  await clock.advance(100_000);
  expect(it.looks).toBe(then);
  expect(it.closed).toBe(2);
});
