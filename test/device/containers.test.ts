import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import * as fc from "fast-check";
import { beforeAll, expect, test, vi } from "vitest";
import * as z from "zod";
import { isWritable } from "../../src/scores/unit-text.ts";
import { onMachines, suiteMachines } from "./machine/for-tests.ts";
import type { Machine } from "./machine/machine.ts";
import { pushImage, REGISTRY, startRegistry } from "./registry.ts";

/** Ends at once when it is asked to: what is process 1 ignores the request by itself. */
const WAITS = ["/bin/sh", "-c", "trap 'exit 0' TERM; sleep 1000 & wait"];

/** What a spec takes in a command. */
const isTold = (word: string): boolean =>
  isWritable(word) && word !== ";" && !/\p{Noncharacter_Code_Point}/u.test(word);

/** What the program inside prints. */
const Told = z.object({ result: z.looseObject({}), ms: z.number(), writes: z.array(z.string()) });

onMachines("containers, on a real podman", () => {
  const boot = suiteMachines();
  let machine: Machine;
  /** The digests that the registry has, by tag. */
  const digests: Record<string, string> = {};

  const sh = (script: string): Promise<string> => machine.run(["sh", "-c", script]);
  const act = async (work: string, spec: object = {}): Promise<z.infer<typeof Told>> =>
    Told.parse(
      JSON.parse(
        await machine.run(["node", "/root/containers.mjs", work, JSON.stringify(spec)], { timeoutMs: 100_000 }),
      ),
    );
  const interpret = (spec: object) => act("interpret", spec);
  const seen = async (spec: object): Promise<unknown> => (await act("preview", spec)).result["observed"];
  const byDigest = (tag: string): string => `${REGISTRY}/app@${digests[tag] ?? ""}`;
  const waiting = (name: string, more: object = {}) => ({ name, image: byDigest("1"), entrypoint: WAITS, ...more });
  const until = async (look: () => Promise<boolean>): Promise<void> => {
    for (let turn = 0; turn < 100 && !(await look()); turn += 1) await machine.run(["sleep", "0.1"]);
  };
  /** For as long as it takes to be called running. */
  const steady = (): Promise<string> => machine.run(["sleep", "1.2"]);
  const running = { outcome: "SUCCESS", observed: { state: "running" } };
  /** All that containers leave: their files, generated services, containers, images and units that failed. */
  const traces = (): Promise<string> =>
    sh(
      "ls /etc/containers/systemd /run/systemd/generator | sort; podman ps --all --format '{{.Names}}'; " +
        "podman images --format '{{.Repository}}:{{.Tag}}@{{.Digest}}' | sort; systemctl list-units --failed --plain --no-legend",
    );

  beforeAll(async () => {
    machine = await boot();
    const bundled = await build({
      entryPoints: [fileURLToPath(new URL("inside/containers.ts", import.meta.url))],
      bundle: true,
      write: false,
      platform: "node",
      target: "node20",
      format: "esm",
      banner: { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' },
      logLevel: "silent",
    });
    await machine.writeFile("/root/containers.mjs", bundled.outputFiles[0]?.text ?? "");
    await sh("mkdir /root/server");
    await startRegistry(machine);
    for (const tag of ["1", "2", "theirs"]) digests[tag] = await pushImage(machine, "app", tag);
    await sh(
      `podman rmi --all --force; podman pull -q ${REGISTRY}/app:theirs; podman run -d --name theirs ${REGISTRY}/app:theirs sleep 10000`,
    );
  }, 300_000);

  test("podman is found, with its facts", { tags: ["podman"] }, async () => {
    expect((await act("detect")).result).toMatchObject({
      _tag: "Found",
      facts: { version: expect.stringMatching(/^5\./), runtime: "crun", cgroupVersion: "v2", rootless: false },
    });
  });

  test("by a tag: pulled, pinned, run; then nothing to do; retired without a trace", { tags: ["podman"] }, async () => {
    const before = await traces();
    const spec = waiting("tagged", { image: `${REGISTRY}/app:1` });
    const first = await interpret(spec);
    expect(first.result).toMatchObject({
      ...running,
      observed: {
        imageDigest: digests["1"],
        pinned: { from: `${REGISTRY}/app:1`, digest: digests["1"] },
        warning: expect.stringContaining("is a tag"),
      },
    });
    expect(first.writes).toEqual(["pull", "writeQuadlet", "reload", "start"]);
    const second = await interpret(spec);
    expect(second).toMatchObject({ result: { outcome: "NOOP" }, writes: [] });
    // What the tag means by now does not matter to a container that is pinned.
    await sh(`podman pull -q ${byDigest("2")}; podman tag ${byDigest("2")} ${REGISTRY}/app:moved`);
    expect((await interpret(spec)).result).toMatchObject({ outcome: "NOOP" });
    await sh(`podman rmi ${REGISTRY}/app:moved ${byDigest("2")}`);
    expect((await act("retire", spec)).result).toMatchObject({ outcome: "SUCCESS" });
    expect(await traces()).toBe(before);
    expect(await act("retire", spec)).toMatchObject({ result: { outcome: "NOOP" }, writes: [] });
    expect((await sh("podman ps --format '{{.Names}}'")).trim()).toBe("theirs");
  });

  test("what others do to it is made good", { tags: ["podman"] }, async () => {
    const spec = waiting("tampered", { environment: { A: "1" } });
    const file = "/etc/containers/systemd/tampered.container";
    await interpret(spec);
    const disturbances = [
      "systemctl stop tampered",
      "podman rm --force --time 0 tampered; sleep 4.5",
      `sed -i s/A=1/A=2/ ${file}; systemctl daemon-reload; systemctl restart tampered`,
      `sed -i s/A=1/A=2/ ${file}`,
      `rm ${file}`,
      `rm ${file}; systemctl daemon-reload`,
      `systemctl stop tampered; podman rmi --force ${digests["1"] === undefined ? "" : byDigest("1")} localhost/harmony-edge/${(digests["1"] ?? "").slice(7)}:tampered`,
    ];
    for (const disturbance of disturbances) {
      await sh(disturbance);
      // Where systemd starts it again by itself there may be nothing left to do.
      expect((await interpret(spec)).result).toMatchObject({ observed: { state: "running" } });
      expect(await interpret(spec)).toMatchObject({ result: { outcome: "NOOP" }, writes: [] });
      expect(await sh("podman exec tampered env")).toContain("A=1\n");
    }
    await act("retire", spec);
  });

  test("a change of the image replaces the container, and the old image goes", { tags: ["podman"] }, async () => {
    await interpret(waiting("changed"));
    const other = waiting("sharing");
    expect((await interpret(other)).result).toMatchObject({ did: [{ do: "keep" }, { do: "write" }, {}, {}] });
    expect((await interpret(waiting("changed", { image: byDigest("2") }))).result).toMatchObject({
      ...running,
      observed: { imageDigest: digests["2"] },
      did: [{ do: "pull" }, { do: "write" }, { do: "reload" }, { do: "restart" }, { do: "release" }],
    });
    expect(await sh("podman exec changed env")).toContain("TAG=2\n");
    // The other container needs the old image still.
    expect(await sh("podman images --digests")).toContain(digests["1"]);
    await act("retire", other);
    expect(await sh("podman images --digests")).not.toContain(digests["1"]);
    await act("retire", waiting("changed", { image: byDigest("2") }));
    expect(await sh("podman images --digests")).not.toContain(digests["2"]);
  });

  test("an image that was there before stays when the container goes", { tags: ["podman"] }, async () => {
    const spec = waiting("guest", { image: byDigest("theirs") });
    expect((await interpret(spec)).result).toMatchObject({ ...running, observed: { image: { kept: "theirs" } } });
    await sh("podman rm --force --time 0 theirs");
    await act("retire", spec);
    expect(await sh("podman images")).toContain("theirs");
    await sh(`podman run -d --name theirs ${REGISTRY}/app:theirs sleep 10000`);
  });

  test("a container of that name that is somebody else's is not touched", { tags: ["podman"] }, async () => {
    const id = await sh("podman inspect theirs --format '{{.Id}}'");
    for (const work of ["interpret", "retire"]) {
      expect(await act(work, waiting("theirs"))).toMatchObject({
        result: { outcome: "FAILURE", failure: { _tag: "Obstructed" } },
        writes: [],
      });
    }
    expect(await sh("podman inspect theirs --format '{{.Id}}'")).toBe(id);
  });

  test.each([
    ["no such digest", `${REGISTRY}/app@sha256:${"0".repeat(64)}`, "NotFound", "author"],
    ["no such repository", `${REGISTRY}/nope:1`, "NotFound", "author"],
    ["no registry", "127.0.0.1:5999/app:1", "Unavailable", "device"],
    ["no such host", "registry.invalid/app:1", "Unavailable", "device"],
  ])("%s: the pull fails with its cause, and nothing is left", { tags: ["podman"] }, async (_, image, code, blame) => {
    const before = await traces();
    expect((await interpret(waiting("missing", { image }))).result).toMatchObject({
      outcome: "FAILURE",
      failure: { _tag: "PortFailed", step: { do: "pull" }, problem: { code, blame } },
    });
    expect(await traces()).toBe(before);
  });

  /** What `podman save` writes of these images, on the server. */
  const archive = async (format: string, ...images: readonly string[]): Promise<{ asset: string; size: number }> => {
    await sh(
      `rm -f /root/saved; podman save -q ${images.length > 1 ? "-m" : ""} --format ${format} -o /root/saved ${images.join(" ")}`,
    );
    return onServer();
  };
  const onServer = async (): Promise<{ asset: string; size: number }> => {
    const [asset = "", size] = (await sh("sha256sum </root/saved | cut -d' ' -f1; stat -c %s /root/saved")).split("\n");
    await sh(`cp /root/saved /root/server/${asset}`);
    return { asset, size: Number(size) };
  };
  /** An image that was made here, and is gone once it is saved. */
  const made = (tag: string, more = ""): Promise<string> =>
    sh(`podman import -q ${more} --change "ENV TAG=${tag}" /opt/busybox.tar localhost/made:${tag}`);

  test.each(["oci-archive", "docker-archive"])(
    "an image in an asset (%s): loaded, run, left alone, made good from the cache, replaced, and gone",
    { tags: ["podman"] },
    async (format) => {
      const before = await traces();
      await made("one");
      const first = await archive(format, "localhost/made:one");
      await sh("podman rmi localhost/made:one");
      await made("two");
      const second = await archive(format, "localhost/made:two");
      await sh("podman rmi localhost/made:two");
      // Somebody's own image has the name that stands in the archive.
      await sh("podman import -q /opt/busybox.tar localhost/made:one");
      const theirs = await sh("podman inspect localhost/made:one --format '{{.Id}}'");
      const spec = waiting("loaded", { image: first });
      const ran = await interpret(spec);
      expect(ran.result).toMatchObject({
        ...running,
        observed: { warning: null, image: { kept: "own" } },
        did: [{ do: "fetch" }, { do: "load" }, { do: "write" }, { do: "reload" }, { do: "start" }],
      });
      expect(ran.writes).toEqual(["load", "writeQuadlet", "reload", "start"]);
      expect(await sh("podman exec loaded env")).toContain("TAG=one\n");
      expect(await sh("podman inspect localhost/made:one --format '{{.Id}}'")).toBe(theirs);
      await sh("podman rmi localhost/made:one; rm -rf /root/server/*");
      // Whoever reads the archive now finds none.
      await sh(`mv /var/lib/assets/${first.asset} /root/aside`);
      expect(await interpret(spec)).toMatchObject({ result: { outcome: "NOOP" }, writes: [] });
      await sh(`mv /root/aside /var/lib/assets/${first.asset}`);
      // The server has nothing any more: the cache alone makes it good.
      await sh(`systemctl stop loaded; podman rmi --all --force; podman pull -q ${REGISTRY}/app:theirs`);
      expect((await interpret(spec)).result).toMatchObject({
        ...running,
        did: expect.arrayContaining([expect.objectContaining({ do: "load" })]),
      });
      expect(await interpret(spec)).toMatchObject({ result: { outcome: "NOOP" }, writes: [] });
      await sh(`podman run -d --replace --name theirs ${REGISTRY}/app:theirs sleep 10000`);
      await sh(`cp /root/saved /root/server/${second.asset}`);
      expect((await interpret({ ...spec, image: second })).result).toMatchObject({
        ...running,
        did: [{ do: "fetch" }, { do: "load" }, { do: "write" }, { do: "reload" }, { do: "restart" }, { do: "release" }],
      });
      expect(await sh("podman exec loaded env")).toContain("TAG=two\n");
      expect(await sh("podman images --format '{{.Names}}'")).not.toContain(first.asset);
      expect((await act("retire", { ...spec, image: second })).result).toMatchObject({ outcome: "SUCCESS" });
      expect(await traces()).toBe(before);
    },
  );

  test("an archive that will not do: the cause by name, and nothing is left", { tags: ["podman"] }, async () => {
    const before = await traces();
    const failing = async (image: object, code: string, blame: string, says: string): Promise<void> => {
      expect((await interpret(waiting("unloaded", { image }))).result).toMatchObject({
        outcome: "FAILURE",
        failure: { step: { do: "load" }, problem: { code, blame, message: expect.stringContaining(says) } },
      });
      expect(await traces()).toBe(before);
    };
    await sh("head -c 100000 /dev/urandom >/root/saved");
    await failing(await onServer(), "Invalid", "author", "no archive of an image");
    await sh("tar -cf /root/saved -C /etc passwd");
    await failing(await onServer(), "Invalid", "author", "no archive of an image");
    await made("one");
    await made("two");
    const both = await archive("docker-archive", "localhost/made:one", "localhost/made:two");
    await made("foreign", "--arch riscv64");
    const foreign = await archive("oci-archive", "localhost/made:foreign");
    const half = await archive("docker-archive", "localhost/made:one");
    await sh("podman rmi localhost/made:one localhost/made:two localhost/made:foreign");
    await failing(both, "Invalid", "author", "it holds 2 images");
    await failing(foreign, "Invalid", "author", "riscv64");
    await sh("truncate -s 300000 /root/saved");
    await failing(await onServer(), "Invalid", "author", "no archive of an image");
    // Damaged in the cache: what podman has got of it by then is no image either.
    await sh(
      `cp /root/server/${half.asset} /var/lib/assets/; printf x | dd of=/var/lib/assets/${half.asset} bs=1 seek=200000 conv=notrunc`,
    );
    await failing(half, "Corrupt", "device", "");
    await sh(`cp /root/server/${half.asset} /var/lib/assets/; mount -t tmpfs -o size=1M none /var/tmp`);
    await failing(half, "NoSpace", "device", "below /var/tmp");
    await sh("umount /var/tmp");
    expect((await interpret(waiting("unloaded", { image: half }))).result).toMatchObject(running);
    await act("retire", waiting("unloaded", { image: half }));
    expect(await traces()).toBe(before);
  });

  test("limits that the kernel cannot keep are refused", { tags: ["podman"] }, async () => {
    expect((await interpret(waiting("limited", { limits: { memoryMax: 33_554_432 } }))).result).toMatchObject({
      failure: { _tag: "Obstructed", obstruction: { next: expect.stringContaining("cgroup_enable=memory") } },
    });
  });

  test("a secret has to be there, and is handed over", { tags: ["podman"] }, async () => {
    const spec = waiting("secretive", {
      secrets: [
        { secret: "token", as: { env: "TOKEN" } },
        { secret: "token", as: { file: "/run/token" } },
      ],
    });
    expect((await interpret(spec)).result).toMatchObject({
      failure: { _tag: "Obstructed", obstruction: { obstructed: expect.stringContaining("token") } },
    });
    await sh("printf hush | podman secret create token -");
    expect((await interpret(spec)).result).toMatchObject(running);
    expect(await sh("podman exec secretive sh -c 'echo $TOKEN; cat /run/token; stat -c %a /run/token'")).toBe(
      "hush\nhush400\n",
    );
    await act("retire", spec);
    await sh("podman secret rm token");
  });

  test("what is asked for is what podman is told, whatever the strings", { tags: ["podman"] }, async () => {
    const hostile = [
      ...Array.from("\\\"'$%`& \t\r\u0001\u001b\u007fé€😀"),
      "$HOME",
      "${X}",
      "%n",
      "$$",
      "%%",
      "\\n",
      "\\x41",
      " a ",
      '""',
      "-x",
      "#",
      "\\",
    ];
    const generated = fc.sample(fc.string({ unit: "binary", minLength: 1, maxLength: 12 }).filter(isTold), {
      numRuns: 60,
      seed: 7,
    });
    const words = [...hostile, ...generated];
    const environment = Object.fromEntries([...words, ""].map((word, at) => [`V${at}`, word] as const));
    const health = { type: "command", command: ["/bin/true", ...words, ""], interval: 30 };
    const inspected = async (spec: object): Promise<unknown> => {
      expect((await interpret(spec)).result).toMatchObject(running);
      const config: unknown = JSON.parse(await sh("podman inspect hostile --format '{{json .Config}}'"));
      return config;
    };
    const inCommand = { name: "hostile", image: byDigest("1"), command: [...WAITS, ...words], environment, health };
    const first = await inspected(inCommand);
    expect(first).toMatchObject({ Cmd: [...WAITS, ...words], Healthcheck: { Test: ["CMD", ...health.command] } });
    expect(z.object({ Env: z.array(z.string()) }).parse(first).Env).toEqual(
      expect.arrayContaining(Object.entries(environment).map(([key, value]) => `${key}=${value}`)),
    );
    const inEntrypoint = {
      name: "hostile",
      image: byDigest("1"),
      entrypoint: [...WAITS, ...words, "", ";"],
      command: ["", "a"],
    };
    expect(await inspected(inEntrypoint)).toMatchObject({ Entrypoint: [...WAITS, ...words, "", ";", "", "a"] });
    await act("retire", inEntrypoint);
  });

  test(
    "one that ends again and again is a FAILURE, and never Ready; restarts are told",
    { tags: ["podman"] },
    async () => {
      const spec = { name: "crashing", image: byDigest("1"), command: ["/bin/false"] };
      expect((await interpret(spec)).result).toMatchObject({ outcome: "FAILURE", failure: { _tag: "PortFailed" } });
      await until(async () => !(await sh("systemctl show crashing -p NRestarts --value")).startsWith("0"));
      // A look that meets it in the moment of a start tries it once more, and fails as the first one did.
      await vi.waitFor(
        async () =>
          expect((await interpret(spec)).result).toMatchObject({
            outcome: "FAILURE",
            observed: { state: "crash-looping" },
            failure: { _tag: "Obstructed" },
          }),
        { timeout: 30_000, interval: 300 },
      );
      await act("retire", spec);
      const once = waiting("killed");
      await interpret(once);
      await sh("podman kill killed");
      await until(async () =>
        (await sh("systemctl show killed -p NRestarts,ActiveState --value")).includes("1\nactive"),
      );
      await steady();
      expect(await seen(once)).toMatchObject({ state: "running", restarts: 1 });
      await act("retire", once);
    },
  );

  test("HTTP from outside: one that does not answer is unhealthy and is restarted", { tags: ["podman"] }, async () => {
    const serve = "mkdir /www; echo well >/www/index.html; trap 'exit 0' TERM; httpd -f -p 80 -h /www & wait";
    const health = { type: "http", port: 80, interval: 1, retries: 1 };
    const spec = { name: "served", image: byDigest("1"), command: ["/bin/sh", "-c", serve], health };
    expect((await interpret(spec)).result).toMatchObject({ ...running, observed: { health: "healthy" } });
    await sh("podman exec served rm /www/index.html");
    expect(await seen(spec)).toMatchObject({ state: "unhealthy", why: expect.stringContaining("404") });
    expect((await interpret(spec)).result).toMatchObject({ ...running, did: [{ do: "restart" }] });
    const wrong = { ...spec, health: { ...health, path: "/none" } };
    expect((await interpret(wrong)).result).toMatchObject({
      outcome: "FAILURE",
      failure: { problem: { code: "Failed", message: expect.stringContaining("404") } },
    });
    expect((await interpret({ ...spec, health: { ...health, type: "tcp" } })).result).toMatchObject({
      outcome: "NOOP",
    });
    await act("retire", spec);
  });

  test(
    "a command inside: one that fails is restarted by systemd alone, and is never Ready",
    { tags: ["podman"] },
    async () => {
      const health = { type: "command", command: ["/bin/test", "-e", "/ok"], interval: 1, retries: 1 };
      const spec = waiting("checked", { entrypoint: ["/bin/sh", "-c", `touch /ok; ${WAITS[2] ?? ""}`], health });
      expect((await interpret(spec)).result).toMatchObject({ ...running, observed: { health: "healthy" } });
      await sh("podman exec checked rm /ok");
      await until(async () =>
        (await sh("systemctl show checked -p NRestarts,ActiveState --value")).includes("1\nactive"),
      );
      await steady();
      expect(await seen(spec)).toMatchObject({ state: "running", health: "healthy", restarts: 1 });
      const never = waiting("checked", { health });
      expect((await interpret(never)).result).toMatchObject({ outcome: "FAILURE" });
      expect((await interpret(never)).result).toMatchObject({
        outcome: "FAILURE",
        observed: { state: "crash-looping" },
      });
      await act("retire", never);
    },
  );

  test("ports lead into it, volumes are mounted, and it comes up at boot by itself", { tags: ["podman"] }, async () => {
    await sh("mkdir -p /srv/www; echo well >/srv/www/index.html");
    const spec = {
      name: "booted",
      image: byDigest("1"),
      command: ["/bin/httpd", "-f", "-p", "8080", "-h", "/www"],
      user: "1000:1000",
      ports: [{ address: "127.0.0.1", hostPort: 8888, containerPort: 8080 }],
      volumes: [{ from: "/srv/www", to: "/www", readOnly: true }],
    };
    expect((await interpret(spec)).result).toMatchObject(running);
    const fetched = (): Promise<string> =>
      sh(
        'node -e \'fetch("http://127.0.0.1:8888/").then((r) => r.text()).then((t) => console.log(t.trim()), () => console.log("-"))\'',
      );
    expect(await fetched()).toBe("well\n");
    await machine.reboot("power loss");
    await until(async () => (await fetched()) === "well\n");
    await steady();
    expect(await act("interpret", spec)).toMatchObject({ result: { outcome: "NOOP" }, writes: [] });
    await act("retire", spec);
  });
});
