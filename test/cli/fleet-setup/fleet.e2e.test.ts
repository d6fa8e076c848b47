import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, onTestFinished, test } from "vitest";
import { endsSoon, makeServerCertificate } from "../../../src/cli/fleet-setup/certificates.ts";
import { connectStore } from "../../../src/wire/nats/connect.ts";
import { credentialsFile } from "../../../src/wire/nats/credentials.ts";
import { makeUserKey } from "../../../src/wire/nats/nkey.ts";
import { AgentProcess, install, temporaryFolder } from "../../agent/support/agent-process.ts";
import { eventually } from "../../agent/support/eventually.ts";
import { freePort } from "../../support/free-port.ts";
import { folder, harmony, manifestOf } from "../in-process.ts";
import { enrollOn, serveFleet } from "./support.ts";

// Real processes, on a machine that may do other things besides.
let launcher = "";
beforeAll(async () => {
  const installed = await install();
  launcher = installed.harmony;
  return installed.remove;
});

/** A fleet that has just been made, and its server, which ends with the test. */
async function served() {
  const cwd = folder({ "kiosk.ts": manifestOf({ url: ["/etc/kiosk/url", "https://example.org/"] }) });
  const init = ["fleet", "init", "--host", "127.0.0.1", "--listen", "127.0.0.1", "--port", await freePort()];
  const made = await harmony([...init, "--json"], { cwd });
  expect(made.code).toBe(0);
  const { server }: { server: string } = JSON.parse(made.out);
  const end = await serveFleet(cwd);
  const at = (...names: readonly string[]): string => join(cwd, "fleet", ...names);
  const as = (role: string): readonly string[] => ["--server", server, "--creds", at("keys", `${role}.creds`)];
  return { cwd, server, at, as, end };
}

test("from nothing to a device that converges, is thrown out within seconds, and another that notices nothing", async () => {
  const { cwd, server, at, as } = await served();
  const device = async (id: string) => {
    const root = await temporaryFolder();
    const creds = join(root, "agent.creds");
    const { status, code } = enrollOn(launcher, id, creds, at("device", "ca.pem"));
    expect(status).toBe(0);
    expect(statSync(creds).mode & 0o777).toBe(0o600);
    const args = ["--id", id, "--creds", creds, "--authors", at("device", "authors.json")];
    const agent = new AgentProcess({ harmony: launcher, url: server, root, args });
    return { root, creds, code, agent };
  };
  const one = await device("pi-7");
  const two = await device("pi-8");
  expect(await connectStore({ servers: server, credsFile: readFileSync(one.creds, "utf8") })).toMatchObject({
    reason: "Denied",
  });
  for (const { code } of [one, two]) {
    const accepted = await harmony(["fleet", "accept", code, "--json"], { cwd });
    expect([accepted.code, JSON.parse(accepted.out)]).toMatchObject([0, { server: "Reloaded" }]);
  }
  const ship = ["--sign", `author=${at("keys", "author.pem")}`, "--timeout", "30s"];
  for (const id of ["pi-7", "pi-8"]) {
    const applied = await harmony(["apply", "kiosk.ts", "--agent", id, ...ship, ...as("author")], { cwd });
    expect([applied.code, applied.err]).toEqual([0, expect.anything()]);
  }
  expect(readFileSync(join(one.root, "etc/kiosk/url"), "utf8")).toBe("https://example.org/");

  const seen = await harmony(["status", "--json", ...as("viewer")], { cwd });
  expect(JSON.parse(seen.out)).toMatchObject({ agents: [{ agentId: "pi-7" }, { agentId: "pi-8" }] });
  expect(
    (await harmony(["plan", "kiosk.ts", "--agent", "pi-8", ...ship.slice(0, 2), ...as("author")], { cwd })).code,
  ).toBe(0);
  const refused = await harmony(["apply", "kiosk.ts", "--agent", "pi-8", ...as("viewer")], { cwd });
  expect([refused.code, refused.err]).toEqual([4, expect.stringContaining("Permissions Violation")]);

  const revoked = await harmony(["fleet", "revoke", "pi-7", "--json"], { cwd });
  expect([revoked.code, JSON.parse(revoked.out)]).toMatchObject([
    0,
    { agentId: "pi-7", key: null, server: "Reloaded" },
  ]);
  await one.agent.logged("disconnected");
  expect(await connectStore({ servers: server, credsFile: readFileSync(one.creds, "utf8") })).toMatchObject({
    reason: "Denied",
  });
  const again = await harmony(["apply", "kiosk.ts", "--agent", "pi-8", ...ship, ...as("author")], { cwd });
  expect([again.code, again.err]).toEqual([0, expect.anything()]);
  expect(two.agent.log.filter(({ message }) => message === "disconnected")).toEqual([]);

  // Let in again, the device comes back by itself.
  expect((await harmony(["fleet", "accept", one.code], { cwd })).code).toBe(0);
  const back = await harmony(["apply", "kiosk.ts", "--agent", "pi-7", ...ship, ...as("author")], { cwd });
  expect([back.code, back.err]).toEqual([0, expect.anything()]);
});

test("a key takes another's place only when that is said, and the former one is thrown out", async () => {
  const { cwd, server, at } = await served();
  const [old, young] = [join(cwd, "old.creds"), join(cwd, "young.creds")];
  const first = enrollOn(launcher, "pi-7", old, at("device", "ca.pem"));
  const second = enrollOn(launcher, "pi-7", young, at("device", "ca.pem"));
  expect((await harmony(["fleet", "accept", first.code], { cwd })).code).toBe(0);
  const holder = await connectStore({ servers: server, credsFile: readFileSync(old, "utf8") });
  if (holder._tag === "Unreachable") throw new Error(holder.message);
  onTestFinished(() => holder.store.close());
  const states: string[] = [];
  holder.store.onConnection((state) => states.push(state));
  const refused = await harmony(["fleet", "accept", second.code], { cwd });
  expect([refused.code, refused.err]).toEqual([1, expect.stringContaining("--replace")]);
  expect((await harmony(["fleet", "accept", second.code, "--replace"], { cwd })).code).toBe(0);
  await eventually("the former key is out", () => states.at(-1) === "disconnected");
  const now = await connectStore({ servers: server, credsFile: readFileSync(young, "utf8") });
  expect(now._tag).toBe("Connected");
  if (now._tag === "Connected") await now.store.close();
});

test("nobody gets in without a key, with a strange one, without TLS, or when they trust another authority", async () => {
  const { cwd, server, at } = await served();
  const authority = readFileSync(at("device", "ca.pem"), "utf8");
  const { seed } = makeUserKey();
  expect(await connectStore({ servers: server, credsFile: credentialsFile(seed, authority) })).toMatchObject({
    _tag: "Unreachable",
    reason: "Denied",
  });
  const operator = readFileSync(at("keys", "operator.creds"), "utf8");
  const [trusted = ""] = /-----BEGIN USER[^]*/.exec(operator) ?? [];
  expect(await connectStore({ servers: server, credsFile: trusted })).toMatchObject({ _tag: "Unreachable" });
  expect(await connectStore({ servers: server.replace("tls:", "nats:") })).toMatchObject({ _tag: "Unreachable" });
  const other = await harmony(["fleet", "init", "--dir", "other", "--host", "127.0.0.1"], { cwd });
  expect(other.code).toBe(0);
  const stranger = readFileSync(join(cwd, "other/keys/operator.creds"), "utf8");
  expect(await connectStore({ servers: server, credsFile: stranger })).toMatchObject({ _tag: "Unreachable" });
});

test("the server ends with its command; the next start knows who came meanwhile, and renews a certificate that ends soon", async () => {
  const { cwd, server, at, as, end } = await served();
  const { code } = enrollOn(launcher, "pi-7", join(cwd, "a.creds"), at("device", "ca.pem"));
  expect((await end()).code).toBe(0);
  expect((await harmony(["status", ...as("viewer")], { cwd })).code).toBe(4);
  const accepted = await harmony(["fleet", "accept", code], { cwd });
  expect([accepted.code, accepted.err]).toEqual([0, expect.stringContaining("No server runs")]);
  const almostOver = await makeServerCertificate(
    { certificate: readFileSync(at("tls", "ca.pem"), "utf8"), key: readFileSync(at("tls", "ca.key"), "utf8") },
    ["127.0.0.1"],
    new AbortController().signal,
    3,
  );
  writeFileSync(at("tls", "server.pem"), almostOver.certificate);
  writeFileSync(at("tls", "server.key"), almostOver.key);
  const endAgain = await serveFleet(cwd);
  const connected = await connectStore({ servers: server, credsFile: readFileSync(join(cwd, "a.creds"), "utf8") });
  expect(connected._tag).toBe("Connected");
  expect(endsSoon(readFileSync(at("tls", "server.pem"), "utf8"), new Date())).toBe(false);
  if (connected._tag === "Connected") await connected.store.close();
  const { code: ended, err } = await endAgain();
  expect([ended, err]).toEqual([0, expect.stringContaining("it has a new one")]);
});
