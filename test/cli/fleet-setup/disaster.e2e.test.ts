import { generateKeyPairSync } from "node:crypto";
import { cpSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { FleetDirectory } from "../../../src/cli/fleet-setup/fleet-directory.ts";
import { connectStore } from "../../../src/wire/nats/connect.ts";
import { AgentProcess, install, temporaryFolder } from "../../agent/support/agent-process.ts";
import { eventually } from "../../agent/support/eventually.ts";
import { freePort } from "../../support/free-port.ts";
import { folder, harmony, manifestOf } from "../in-process.ts";
import { enrollOn, serveFleet } from "./support.ts";

// The steps of "Backup and restore" in docs/operating.md, in its order, on real servers and agents.
const ID = "pi-7";
let launcher = "";
beforeAll(async () => {
  const installed = await install();
  launcher = installed.harmony;
  return installed.remove;
});

/** A served fleet with one device, which trusts its author alone. */
async function fleet() {
  const cwd = folder({
    "one.ts": manifestOf({ page: ["/page", "one"] }),
    "two.ts": manifestOf({ page: ["/page", "two"], more: ["/more", "x"] }),
  });
  const place = ["--host", "127.0.0.1", "--listen", "127.0.0.1", "--port", await freePort()];
  const made = await harmony(["fleet", "init", ...place, "--json"], { cwd });
  const { server }: { server: string } = JSON.parse(made.out);
  const directory = new FleetDirectory(join(cwd, "fleet"));
  const at = (...names: readonly string[]): string => join(cwd, "fleet", ...names);
  const run = async (...words: readonly string[]): Promise<string> => {
    const { code, out, err } = await harmony(words, { cwd });
    if (code !== 0) throw new Error(`harmony ${words.join(" ")} ended with ${code}: ${err}`);
    return out;
  };
  const as = ["--server", server, "--creds", at("keys", "author.creds")];
  const apply = (file: string, key = at("keys", "author.pem")): Promise<string> =>
    run("apply", file, "--agent", ID, "--timeout", "60s", "--sign", `author=${key}`, ...as);
  const isLetIn = async (credsFile: string): Promise<boolean> => {
    const connected = await connectStore({ servers: server, credsFile });
    if (connected._tag === "Connected") await connected.store.close();
    return connected._tag === "Connected";
  };
  const device = async (more: readonly string[] = []) => {
    const root = await temporaryFolder();
    const creds = join(root, "agent.creds");
    const { code } = enrollOn(launcher, ID, creds, at("device", "ca.pem"));
    await run("fleet", "accept", code, ...more);
    const start = (trust = at("device", "author.pub")): AgentProcess =>
      new AgentProcess({
        harmony: launcher,
        url: server,
        root,
        args: ["--id", ID, "--creds", creds, "--trust", `author=${trust}`],
      });
    const page = (): string => readFileSync(join(root, "page"), "utf8");
    return { root, creds, start, page };
  };
  return { cwd, at, directory, apply, run, device, isLetIn };
}

test("the fleet's directory is lost, and comes back from a copy that is older than the device's manifest and than its key", async () => {
  const { cwd, at, directory, apply, device } = await fleet();
  const end = await serveFleet(cwd);
  const { start, page } = await device();
  const agent = start();
  await apply("one.ts");
  await end();
  const copy = join(cwd, "copy");
  cpSync(at(), copy, { recursive: true });

  // What happens after the copy was made: a newer manifest, and a new key.
  const described = await directory.read();
  if ("_tag" in described) throw new Error(described.message);
  const [[id, member] = ["", undefined]] = Object.entries(described.agents);
  const [since, notAfter] = [-70, 20].map((days) => new Date(Date.now() + days * 86_400_000).toISOString());
  if (member === undefined || since === undefined || notAfter === undefined) throw new Error("pi-7 is not in");
  await directory.write({ ...described, agents: { [id]: { ...member, since, notAfter } } });
  cpSync(at("fleet.json"), join(copy, "fleet.json"));
  const endLater = await serveFleet(cwd);
  await agent.logged("the key was renewed");
  await apply("two.ts");
  await endLater();
  rmSync(at(), { recursive: true });

  cpSync(copy, at(), { recursive: true });
  await serveFleet(cwd);
  await eventually(
    "its key is the one that it has",
    () => agent.log.filter(({ message }) => message === "the key was renewed").length === 2,
    () => agent.tail,
  );
  expect(page()).toBe("two");
  await agent.logged("refused a manifest", ({ reason }) => reason === "StaleGeneration");
  await apply("one.ts");
  expect(page()).toBe("one");
});

test("a device's card is replaced: it gets a key of its own and makes itself what it is to be; the one on the old card is out", async () => {
  const { cwd, apply, device, isLetIn } = await fleet();
  await serveFleet(cwd);
  const old = await device();
  const agent = old.start();
  await apply("one.ts");
  await agent.kill("SIGKILL");
  const replaced = await device(["--replace"]);
  const again = replaced.start();
  await eventually(
    "it is as declared",
    () => existsSync(join(replaced.root, "page")),
    () => again.tail,
  );
  expect(replaced.page()).toBe("one");
  expect(await isLetIn(readFileSync(old.creds, "utf8"))).toBe(false);
  await apply("two.ts");
});

test("an author's keys are lost: the former credentials are out at once, and devices take what the new key signs, and that alone", async () => {
  const { cwd, at, apply, run, device, isLetIn } = await fleet();
  await serveFleet(cwd);
  const { start, page } = await device();
  const agent = start();
  await apply("one.ts");
  const lost = readFileSync(at("keys", "author.creds"), "utf8");
  const lostPem = join(cwd, "lost.pem");
  cpSync(at("keys", "author.pem"), lostPem);

  await run("fleet", "rekey", "author", "--overlap", "0");
  expect(await isLetIn(lost)).toBe(false);
  const { privateKey, publicKey } = generateKeyPairSync("ed25519", {
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
  });
  writeFileSync(at("keys", "author.pem"), privateKey);
  writeFileSync(at("device", "author.pub"), publicKey);
  await agent.kill("SIGTERM");
  start();
  await apply("two.ts");
  expect(page()).toBe("two");
  await expect(apply("one.ts", lostPem)).rejects.toThrow("BadSignature");
  expect(page()).toBe("two");
});

test("a server is gone for good: devices go on, and a new one with the old directory, and no store, takes its place", async () => {
  const { cwd, at, apply, device } = await fleet();
  const end = await serveFleet(cwd);
  const { root, start, page } = await device();
  const agent = start();
  await apply("one.ts");
  await end();
  rmSync(at("jetstream"), { recursive: true });
  // Nobody is there, and drift is repaired all the same.
  writeFileSync(join(root, "page"), "tampered");
  await eventually(
    "it is repaired",
    () => page() === "one",
    () => agent.tail,
  );
  await serveFleet(cwd);
  await agent.kill("SIGTERM");
  start();
  await apply("two.ts");
  expect(page()).toBe("two");
});
