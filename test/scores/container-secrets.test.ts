import * as z from "zod";
import { beforeEach, describe, expect, test } from "vitest";
import { ContainerScore } from "../../src/scores/container.ts";
import { interpret, retire } from "../../src/scores/interpret.ts";
import { secret, type Secrets } from "../../src/scores/secret.ts";
import { FakeContainerRuntime } from "../../src/testing/fake-container-runtime.ts";
import { FAKE_SECRETS } from "../../src/testing/fake-secrets.ts";
import { around } from "./surroundings.ts";

const image = `registry.example/app@sha256:${"1".repeat(64)}`;
const app = (secrets: ConstructorParameters<typeof ContainerScore>[0]["secrets"] = []) =>
  new ContainerScore({ name: "app", image, secrets });
const one = app([{ secret: secret("token"), as: { file: "/run/token" } }]);
const version = (text: string): Secrets => ({ ...FAKE_SECRETS, version: () => text.repeat(16) });

let host: FakeContainerRuntime;
beforeEach(() => {
  host = new FakeContainerRuntime({ registry: { [image]: `sha256:${"1".repeat(64)}` }, secrets: ["theirs"] });
});
const at = (secrets: Secrets) => around({ ContainerRuntime: host }, { secrets });
const made = (): object =>
  Object.fromEntries(Object.entries(host.tree()).filter(([name]) => name.startsWith("secret:")));

describe("a secret of a container", () => {
  test("is made before the container is started by it, and told by its name alone", async () => {
    const outcome = await interpret(one, at(version("0")));
    expect(outcome).toMatchObject({
      outcome: "SUCCESS",
      did: [{ do: "writeSecret" }, { do: "pull" }, { do: "write" }, {}, {}],
    });
    expect(made()).toEqual({ [`secret:app/harmony-app-token-${"0".repeat(16)}`]: "the secret token" });
    expect(host.tree()["file:app"]).toContain(
      `Secret=harmony-app-token-${"0".repeat(16)},type=mount,target=/run/token,mode=0400`,
    );
    expect(JSON.stringify(outcome)).not.toContain("the secret token");
    expect(await interpret(one, at(version("0")))).toMatchObject({ outcome: "NOOP" });
  });

  test("that is another one replaces the container, and the one before goes", async () => {
    await interpret(one, at(version("0")));
    const outcome = await interpret(one, at(version("1")));
    expect(outcome).toMatchObject({ outcome: "SUCCESS" });
    expect(
      "did" in outcome &&
        z
          .array(z.object({ do: z.string() }))
          .parse(outcome.did)
          .map((step) => step.do),
    ).toEqual(["writeSecret", "write", "reload", "restart", "removeSecret"]);
    expect(Object.keys(made())).toEqual([`secret:app/harmony-app-token-${"1".repeat(16)}`]);
  });

  test("goes when the Score does not need it any more, and with the Score, also where it cannot be opened", async () => {
    await interpret(one, at(version("0")));
    await interpret(app(), at(version("0")));
    expect(made()).toEqual({});
    await interpret(one, at(version("0")));
    const lost: Secrets = {
      ...version("0"),
      opens: () => false,
      matches: () => false,
      use: () => expect.unreachable(),
    };
    expect(await retire(one, new Set(), at(lost))).toMatchObject({ outcome: "SUCCESS" });
    expect(host.tree()).toEqual({});
  });

  test("of the runtime's own is left as it is", async () => {
    const theirs = app([{ secret: "theirs", as: { env: "TOKEN" } }]);
    expect(await interpret(theirs, at(version("0")))).toMatchObject({ outcome: "SUCCESS" });
    expect(host.tree()["file:app"]).toContain("Secret=theirs,type=env,target=TOKEN");
    expect(await interpret(app([{ secret: "none", as: { env: "TOKEN" } }]), at(version("0")))).toMatchObject({
      outcome: "FAILURE",
      failure: { _tag: "Obstructed" },
    });
  });
});
