import { describe, expect, test } from "vitest";
import { K8sDeploymentScore } from "../../src/scores/k8s-deployment.ts";
import { contractOf, FakeK8sClient, WORLDS } from "../../src/testing/index.ts";
import { Device } from "./surroundings.ts";

describe("the contract", () => {
  test.each(contractOf(WORLDS.K8sDeployment))("$name", async (check) => {
    await expect(check.run()).resolves.toBeUndefined();
  });
});

const theirs = { image: "theirs:1", replicas: 1, readyReplicas: 1, upToDate: true };

test("creates what is not there, with one replica in the namespace default where nothing else is asked for", async () => {
  const cluster = new FakeK8sClient({ "other/web": theirs });
  expect(
    await new Device({ K8sClient: cluster }).interpret(new K8sDeploymentScore({ name: "web", image: "nginx:1" })),
  ).toEqual({
    outcome: "SUCCESS",
    did: [{ do: "apply", image: "nginx:1", replicas: 1 }],
    observed: { state: "present", image: "nginx:1", replicas: 1, readyReplicas: 1, upToDate: true },
  });
  expect(Object.keys(cluster.deployments())).toEqual(["default/web", "other/web"]);
});

test("changes what differs, and takes it away when it is retired", async () => {
  const cluster = new FakeK8sClient({ "prod/web": theirs });
  const device = new Device({ K8sClient: cluster });
  const web = new K8sDeploymentScore({ name: "web", namespace: "prod", image: "theirs:1", replicas: 3 });
  expect(await device.interpret(web)).toMatchObject({ outcome: "SUCCESS", observed: { replicas: 3 } });
  expect(await device.retire(web)).toMatchObject({
    outcome: "SUCCESS",
    observed: { state: "absent" },
    did: [{ do: "delete" }],
  });
  expect(cluster.deployments()).toEqual({});
});

test.each(["", "-a", "a-", "A", "a.b", "a".repeat(64)])("the name %j is refused", (name) => {
  expect(() => new K8sDeploymentScore({ name, image: "x" })).toThrow(/^K8sDeployment@1: [^]*a name is 1 to 63 of/);
});
