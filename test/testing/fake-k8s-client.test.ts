import { describe, expect, test } from "vitest";
import { FakeK8sClient } from "../../src/testing/index.ts";

const { signal } = new AbortController();
const theirs = { image: "theirs:1", replicas: 2, readyReplicas: 0, upToDate: false };

describe("the fake cluster", () => {
  test("shows what was put there, and nothing else", async () => {
    const cluster = new FakeK8sClient({ "default/web": theirs });
    cluster.put("default/db", theirs);
    cluster.take("default/web");
    expect(await cluster.readDeployment("default", "db", signal)).toEqual(theirs);
    expect(await cluster.readDeployment("default", "web", signal)).toBeNull();
    expect(cluster.writes).toBe(0);
  });

  test("has what was applied, ready at once", async () => {
    const cluster = new FakeK8sClient({ "default/web": theirs });
    await cluster.applyDeployment("default", "web", { image: "ours:1", replicas: 3 }, signal);
    expect(cluster.deployments()).toEqual({
      "default/web": { image: "ours:1", replicas: 3, readyReplicas: 3, upToDate: true },
    });
  });

  test("deletes twice without complaint, and counts each call that writes", async () => {
    const cluster = new FakeK8sClient({ "default/web": theirs });
    await cluster.deleteDeployment("default", "web", signal);
    await cluster.deleteDeployment("default", "web", signal);
    expect([cluster.deployments(), cluster.writes]).toEqual([{}, 2]);
  });

  test("lists deployments in the order of their names, so that equal clusters look equal", async () => {
    const cluster = new FakeK8sClient({ "b/b": theirs, "a/a": theirs });
    expect(Object.keys(cluster.deployments())).toEqual(["a/a", "b/b"]);
  });

  test("answers nobody who has called it off, and does nothing then", async () => {
    const cluster = new FakeK8sClient();
    const off = AbortSignal.abort();
    const calls = [
      cluster.readDeployment("default", "web", off),
      cluster.applyDeployment("default", "web", { image: "x", replicas: 1 }, off),
      cluster.deleteDeployment("default", "web", off),
    ];
    for (const call of calls) {
      await expect(call).rejects.toMatchObject({
        name: "PortError",
        problem: { code: "TimedOut", message: expect.stringMatching(/default\/web was called off/) },
      });
    }
    expect(cluster.deployments()).toEqual({});
  });
});
