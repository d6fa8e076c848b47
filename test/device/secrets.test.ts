import { beforeAll, afterAll, expect, test, vi } from "vitest";
import { ContainerScore, FileScore, manifest, PiTopology, secret, SystemdServiceScore } from "../../src/index.ts";
import { canary, leaks } from "../support/canary.ts";
import { onMachines, suiteMachines } from "./machine/for-tests.ts";
import type { Machine } from "./machine/machine.ts";
import { pushImage, REGISTRY, startRegistry } from "./registry.ts";
import { type Managed, managed } from "./machine/managed.ts";

const [FIRST, SECOND] = [canary("one"), canary("two")];
const FOLDER = "/var/lib/harmony-edge/credentials/handed.service";

/** It copies what it was handed to where the test finds it, as the user it runs as. */
const service = new SystemdServiceScore({
  name: "handed",
  exec: [
    "/bin/sh",
    "-c",
    "cat $CREDENTIALS_DIRECTORY/token >/run/handed/token; id -un >/run/handed/user; exec sleep 1000000",
  ],
  user: "nobody",
  credentials: { token: secret("api-token") },
  readyAfterSeconds: 0.2,
});
const wanted = manifest(PiTopology, {
  handed: service,
  file: new FileScore({ path: "/etc/token", content: secret("api-token") }),
});

const withContainer = manifest(PiTopology, {
  handed: service,
  file: new FileScore({ path: "/etc/token", content: secret("api-token") }),
  app: new ContainerScore({
    name: "app",
    image: `${REGISTRY}/app:1`,
    entrypoint: ["/bin/sh", "-c", "trap 'exit 0' TERM; sleep 1000000 & wait"],
    secrets: [{ secret: secret("api-token"), as: { file: "/run/token" } }],
    readyAfterSeconds: 0,
  }),
});

onMachines("secrets on a real machine", () => {
  const boot = suiteMachines();
  const ends: (() => Promise<void>)[] = [];
  let machine: Machine;
  let agent: Managed;

  const sh = (script: string): Promise<string> => machine.run(["sh", "-ec", script]);
  const apply = async (value?: string, what = wanted) => {
    const key = await agent.fleet.sealingKey(agent.agentId);
    if (typeof key !== "string") throw new Error("the agent has published no key");
    const values = value === undefined ? undefined : new Map([["api-token", Buffer.from(value)]]);
    return agent.fleet.apply(what, agent.agentId, { secrets: { values, trustedKeys: [key] } });
  };
  const pid = (): Promise<string> => sh("systemctl show --value --property MainPID handed");

  beforeAll(async () => {
    machine = await boot({ name: "secrets" });
    await sh("mkdir -m 0777 /run/handed");
    agent = await managed(machine, { cleanup: (end) => void ends.push(async () => end()) });
    const isThere = async (): Promise<boolean> => typeof (await agent.fleet.sealingKey(agent.agentId)) === "string";
    await vi.waitFor(async () => (await isThere()) || Promise.reject(new Error("no key is published")), 60_000);
  }, 120_000);
  afterAll(async () => {
    for (const end of ends.toReversed()) await end();
  });

  test("a service is handed one by systemd, that root alone could read", { tags: ["systemd"] }, async () => {
    expect(await apply(FIRST)).toMatchObject({ _tag: "Converged" });
    expect([await sh("cat /run/handed/token"), await sh("cat /run/handed/user")]).toEqual([FIRST, "nobody\n"]);
    expect(await sh(`stat -c '%a %U' ${FOLDER} ${FOLDER}/* /etc/token`)).toBe("700 root\n400 root\n400 root\n");
    expect(await agent.scoreStatus("handed")).toMatchObject({ state: "Ready", outcome: "SUCCESS" });
    const before = await pid();
    expect(await apply()).toMatchObject({ _tag: "Converged" });
    expect(await agent.scoreStatus("handed")).toMatchObject({ outcome: "NOOP" });
    expect(await pid()).toBe(before);
  });

  test("another one restarts it with that, and the one before is gone", { tags: ["systemd"] }, async () => {
    const before = await pid();
    expect(await apply(SECOND)).toMatchObject({ _tag: "Converged" });
    expect(await sh("cat /run/handed/token")).toBe(SECOND);
    expect(await pid()).not.toBe(before);
    expect((await sh(`ls ${FOLDER}`)).split("\n").filter((each) => each !== "")).toHaveLength(1);
  });

  test("what somebody changed or took away is written again", { tags: ["systemd"] }, async () => {
    await sh(`echo other >${FOLDER}/token@*`);
    // It is found at the start, and by each look after it.
    await sh("systemctl restart harmony-agent");
    await expect.poll(() => sh(`cat ${FOLDER}/token@*`), { timeout: 20_000 }).toBe(SECOND);
  });

  test("the canary is where it has to be, and nowhere else on the machine", { tags: ["systemd"] }, async () => {
    // All files of the machine but those of its packages, the journal as it tells, and what systemd shows of the unit.
    const files = await sh(
      "find / -xdev -type f -newer /run/handed -size -4M -not -path '/proc/*' -not -path '/sys/*' -not -path '/run/handed/*' -not -path '/run/credentials/*'",
    );
    const paths = files.split("\n").filter((path) => path !== "");
    expect(paths).toContain("/etc/token");
    const places: [string, Buffer][] = [];
    for (const path of paths) places.push([path, Buffer.from(await sh(`base64 -w0 '${path}' || true`), "base64")]);
    places.push(["journal", Buffer.from(await sh("journalctl --no-pager -o export"))]);
    places.push(["systemctl show", Buffer.from(await sh("systemctl show handed; systemctl cat handed"))]);
    places.push([
      "status",
      Buffer.from(JSON.stringify([await agent.scoreStatus("handed"), await agent.scoreStatus("file")])),
    ]);
    const found = new Set(leaks(places, [FIRST, SECOND]).map((leak) => leak.slice(0, leak.lastIndexOf(": "))));
    const [credential = ""] = (await sh(`ls ${FOLDER}/*`)).split("\n");
    expect([...found].toSorted()).toEqual(["/etc/token", credential].toSorted());
  });

  test("a container is handed one by podman, replaced with another, and rid of it", { tags: ["podman"] }, async () => {
    await startRegistry(machine);
    await pushImage(machine, "app", "1");
    const inContainer = (): Promise<string> => sh("podman exec app cat /run/token");
    const secrets = (): Promise<string> => sh("podman secret ls --format '{{.Name}}'");
    expect(await apply(FIRST, withContainer)).toMatchObject({ _tag: "Converged" });
    expect(await inContainer()).toBe(FIRST);
    const made = await secrets();
    expect(made).toMatch(/^harmony-app-api-token-[0-9a-f]{16}\n$/);
    const id = await sh("podman inspect --format '{{.Id}}' app");
    expect(await apply(undefined, withContainer)).toMatchObject({ _tag: "Converged" });
    expect(await sh("podman inspect --format '{{.Id}}' app")).toBe(id);
    expect(await apply(SECOND, withContainer)).toMatchObject({ _tag: "Converged" });
    expect(await inContainer()).toBe(SECOND);
    expect(await secrets()).toMatch(/^harmony-app-api-token-[0-9a-f]{16}\n$/);
    expect(await secrets()).not.toBe(made);
    const told = [
      JSON.stringify(await agent.scoreStatus("app")),
      await sh(
        "podman inspect app; podman secret inspect $(podman secret ls --quiet); journalctl --no-pager -o export",
      ),
      await sh("cat /etc/containers/systemd/*.container; podman events --stream=false --since 10m"),
    ];
    expect(
      leaks(
        told.map((text, at) => [String(at), text] as const),
        [FIRST, SECOND],
      ),
    ).toEqual([]);
    expect(await apply()).toMatchObject({ _tag: "Converged" });
    expect(await secrets()).toBe("");
  });

  test("is taken away with the Score, and nothing of it is left", { tags: ["systemd"] }, async () => {
    expect(await agent.fleet.apply(manifest(PiTopology, {}), agent.agentId)).toMatchObject({ _tag: "Converged" });
    expect(
      await sh("ls -A /var/lib/harmony-edge/credentials /etc/token /run/credentials/handed.service 2>&1 || true"),
    ).not.toMatch(/handed\.service$|^\/etc\/token$/m);
  });
});
