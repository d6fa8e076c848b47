import { expect, test } from "vitest";
import { Ledger } from "../../src/agent/ledger.ts";
import { Notices } from "../../src/agent/notices.ts";
import { topology } from "../../src/topology/topology.ts";
import { decoded, free, probe } from "./support/manifests.ts";
import { MemoryDisk } from "./support/memory-disk.ts";

const open = async (disk: MemoryDisk = new MemoryDisk()) => {
  const ledger = await Ledger.open(disk, () => {});
  const notices = new Notices(ledger, () => {});
  const scores = { web: free("web"), motd: probe("motd") };
  notices.plan(decoded({ generation: 1, scores, restartOn: { web: ["motd"] } }));
  const told: string[] = [];
  return { disk, ledger, notices, told, ready: () => notices.ready("motd", (to, why) => told.push(`${to} ${why}`)) };
};

test("a notice counts once the Score that changed is Ready, and until it has been acted upon", async () => {
  const { ledger, notices, told, ready } = await open();
  ready();
  notices.changes("motd", "corrective");
  expect(notices.due("web")).toEqual([]);
  ready();
  ready();
  expect(told).toEqual(["web corrective"]);
  expect(notices.due("web")).toEqual([{ to: "web", by: "motd", change: "corrective" }]);
  notices.done(notices.due("web"));
  expect([notices.due("web"), [...ledger.notices]]).toEqual([[], []]);
});

test("a change that goes on makes an older notice wait for it, and what was ordered stays so", async () => {
  const { notices, told, ready } = await open();
  notices.changes("motd", "intentional");
  ready();
  notices.changes("motd", "corrective");
  expect(notices.due("web")).toEqual([]);
  ready();
  expect(told).toEqual(["web intentional", "web intentional"]);
});

test("to act upon one leaves a later one, also on disk", async () => {
  const { disk, ledger, notices, ready } = await open();
  notices.changes("motd", "intentional");
  ready();
  const acted = notices.due("web");
  notices.changes("motd", "intentional");
  notices.done(acted);
  await ledger.flush();
  const next = await open(disk);
  expect([...next.ledger.notices]).toHaveLength(1);
  next.ready();
  expect(next.told).toEqual(["web intentional"]);
});

test("who lacks a capability for a while is restarted when that is back", async () => {
  const { ledger, notices, ready } = await open();
  const wanted = {
    generation: 1,
    scores: { web: free("web"), motd: probe("motd") },
    restartOn: { web: ["motd"] },
  };
  const whole = decoded(wanted);
  const web = decoded(wanted, { topology: topology("Nothing", []) }).scores.get("web");
  if (web?._tag !== "Refused") throw new Error("it lacks nothing");
  notices.plan({ ...whole, scores: new Map([...whole.scores, ["web", web]]) });
  notices.changes("motd", "intentional");
  ready();
  expect([...ledger.notices]).toEqual([{ to: "web", by: "motd", change: "intentional" }]);
  notices.plan(whole);
  expect(notices.due("web")).toEqual([{ to: "web", by: "motd", change: "intentional" }]);
});
