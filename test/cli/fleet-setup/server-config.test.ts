import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { FleetDescription } from "../../../src/cli/fleet-setup/description.ts";
import { accountsConfig, serverConfig } from "../../../src/cli/fleet-setup/server-config.ts";
import { findNatsServer } from "../../../src/cli/nats-server.ts";
import { makeUserKey } from "../../../src/wire/nats/nkey.ts";
import { folder } from "../in-process.ts";

// Made once: the library takes its time for each.
const keys = Array.from({ length: 17 }, () => makeUserKey().publicKey);
const id = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/);
const fleets = fc
  .record({
    ids: fc.uniqueArray(id, { maxLength: 12 }),
    address: fc.constantFrom("0.0.0.0", "::", "127.0.0.1", "host.example.org"),
    port: fc.integer({ min: 1, max: 65_535 }),
  })
  .map(({ ids, address, port }) => {
    const left = keys.values();
    const key = (): unknown => left.next().value;
    return FleetDescription.parse({
      version: 1,
      listen: { address, port },
      hosts: ["localhost"],
      keys: { system: key(), operator: key(), author: key(), viewer: key(), dashboard: key() },
      agents: Object.fromEntries(ids.map((each) => [each, { key: key(), acceptedAt: "2026-01-01T00:00:00Z" }])),
    });
  });

const FILES = { certificate: "/c", key: "/k", store: "/s", pid: "/p" };
const subjectsOf = (line: string): readonly string[] => [...line.matchAll(/"([^"]+)"/g)].map(([, each = ""]) => each);

test("each agent has one user, and every subject of it that names an agent names this one", () => {
  fc.assert(
    fc.property(fleets, (fleet) => {
      const lines = accountsConfig(fleet).split("\n");
      for (const [agent, { key }] of Object.entries(fleet.agents)) {
        const [line = "", ...more] = lines.filter((each) => each.includes(key));
        expect(more).toEqual([]);
        const named = subjectsOf(line).filter((each) => !each.includes("OBJ_assets") && each !== "60s");
        expect(named.length).toBe(13);
        for (const subject of named) expect(subject.replace(/\.>$/, "").endsWith(`.${agent}`)).toBe(true);
      }
    }),
  );
});

test("no user is left without permissions but those of the system and the operator, and nobody is let in without a key", () => {
  fc.assert(
    fc.property(fleets, (fleet) => {
      const text = serverConfig(fleet, FILES);
      const free = [...text.matchAll(/\{ nkey: (\w+) \}/g)].map(([, key]) => key);
      expect(free).toEqual([fleet.keys.system, fleet.keys.operator]);
      expect(text).not.toMatch(/no_auth_user|password|token/);
    }),
  );
});

test("an agent that is taken out and let in again changes nothing else", () => {
  fc.assert(
    fc.property(fleets, (fleet) => {
      const [out] = Object.keys(fleet.agents);
      const agents = Object.fromEntries(Object.entries(fleet.agents).filter(([each]) => each !== out));
      const lines = accountsConfig({ ...fleet, agents }).split("\n");
      const gone = accountsConfig(fleet)
        .split("\n")
        .filter((line) => !lines.includes(line));
      expect(gone.filter((line) => line.includes("nkey"))).toHaveLength(out === undefined ? 0 : 1);
    }),
  );
});

test("a real server takes it, whoever is in the fleet", async () => {
  const found = await findNatsServer();
  if ("problem" in found) throw new Error(found.problem);
  const path = folder({ c: "", k: "" });
  for (const fleet of fc.sample(fleets, 10)) {
    const file = join(path, "nats.conf");
    // TLS is read from files that are looked at elsewhere.
    writeFileSync(file, serverConfig(fleet, { ...FILES, store: path }).replace(/tls \{[^}]*\}/, ""));
    const checked = spawnSync(found.path, ["-t", "-c", file], { encoding: "utf8", timeout: 30_000 });
    expect([checked.status, checked.stderr]).toEqual([0, expect.stringContaining("is valid")]);
  }
});
