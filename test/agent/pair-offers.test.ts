import { expect, test } from "vitest";
import type { AgentHost } from "../../src/agent/host.ts";
import { PairOffers } from "../../src/agent/pair-offers.ts";
import { FileSystemHost, SystemdHost } from "../../src/capabilities/index.ts";
import { FakeClock, settle } from "../../src/testing/fake-clock.ts";
import { topology } from "../../src/topology/topology.ts";
import { AgentId } from "../../src/wire/keys.ts";
import type { DevicePolicies } from "../../src/wire/device-policy.ts";
import { MemoryServer } from "../../src/wire/memory-server.ts";
import { MemoryStore } from "../../src/wire/memory-store.ts";
import { CapabilitiesDocument } from "../../src/wire/status.ts";

const both = { FileSystemHost: { root: "/" }, SystemdHost: { version: 257 } };

const storedIn = (server: MemoryServer): CapabilitiesDocument =>
  CapabilitiesDocument.parse(
    JSON.parse(Buffer.from(server.buckets?.get("capabilities")?.entries.get("web")?.value ?? []).toString()),
  );

function member(
  server: MemoryServer,
  id: string,
  kinds: readonly { readonly kind: string; readonly version: number }[],
  policy?: DevicePolicies,
  labels?: Readonly<Record<string, string>>,
) {
  const changed: (() => void)[] = [];
  const host: AgentHost & { facts: object; topology: AgentHost["topology"] } = {
    ports: {},
    topology: topology("PiTopology", [FileSystemHost, SystemdHost]),
    facts: both,
    look: async () => {},
    lookSoon: () => {},
    onChange: (tell) => void changed.push(tell),
    stop: () => {},
  };
  const offers = new PairOffers({
    store: new MemoryStore(server),
    pair: AgentId.parse("web"),
    member: AgentId.parse(id),
    host,
    kinds,
    labels,
    policy: policy && (() => policy),
    clock: new FakeClock(),
    log: () => {},
    onChange: () => {},
  });
  const loses = (): void => {
    host.topology = { name: "PiTopology", offers: [FileSystemHost], absent: { SystemdHost: "no bus" } };
    host.facts = { FileSystemHost: { root: "/" } };
    for (const tell of changed) tell();
  };
  return { offers, loses };
}

test("a pair offers what both members found, says who lacks the rest and why, and each of them goes by that", async () => {
  const server = new MemoryServer();
  const a = member(server, "pi-a", [
    { kind: "File", version: 1 },
    { kind: "File", version: 2 },
  ]);
  const b = member(server, "pi-b", [{ kind: "File", version: 1 }]);
  a.offers.start();
  b.offers.start();
  await settle();
  const stored = (): CapabilitiesDocument => storedIn(server);
  expect(stored()).toMatchObject({
    agentId: "web",
    topology: "FailoverTopology<PiTopology>",
    capabilities: both,
    absent: {},
    kinds: { File: [1] },
  });
  expect(Object.keys(stored().members ?? {})).toEqual(["pi-a", "pi-b"]);

  b.loses();
  await settle();
  await settle();
  expect(stored()).toMatchObject({ absent: { SystemdHost: "pi-b lacks it: no bus" } });
  expect(Object.keys(stored().capabilities)).toEqual(["FileSystemHost"]);
  for (const offers of [a.offers, b.offers]) {
    expect(offers.topology.offers).toEqual([FileSystemHost]);
    expect(offers.topology.absent).toEqual({ SystemdHost: "pi-b lacks it: no bus" });
  }
});

test("a pair tells the policies of both members, one that they share but once", async () => {
  const server = new MemoryServer();
  const shared = { name: "/shared.json", rules: { kinds: ["File"] } };
  const own = { name: "/own.json", rules: { limits: { scores: 3 } } };
  const reserved = { paths: ["/state"], units: [] };
  const a = member(server, "pi-a", [], { reserved, policies: [shared], unreadable: null });
  const b = member(server, "pi-b", [], { reserved, policies: [shared, own], unreadable: "/own.json: gone" });
  a.offers.start();
  b.offers.start();
  await settle();
  expect(storedIn(server).policy).toEqual({ reserved, policies: [shared, own], unreadable: "/own.json: gone" });
});

test("a pair has the labels that both members have, and tells those of each", async () => {
  const server = new MemoryServer();
  const a = member(server, "pi-a", [], undefined, { site: "paris", rack: "1" });
  const b = member(server, "pi-b", [], undefined, { site: "paris", rack: "2" });
  a.offers.start();
  b.offers.start();
  await settle();
  expect(storedIn(server)).toMatchObject({
    labels: { site: "paris" },
    members: { "pi-a": { labels: { rack: "1" } }, "pi-b": { labels: { rack: "2" } } },
  });
  expect(storedIn(server).labels).not.toHaveProperty("rack");
});
