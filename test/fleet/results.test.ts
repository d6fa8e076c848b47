import { describe, expect, test } from "vitest";
import { authorsIn } from "../../src/fleet/index.ts";
import { sha256Of } from "../../src/wire/event-chain.ts";
import { fleetFixture, two } from "./fleet-fixture.ts";
import { PI } from "./scripted-agent.ts";

const STATES = { Ready: 2 };

/** What a device would put on record, as the server holds it. */
function recorder(server: ReturnType<typeof fleetFixture>["server"], agentId: string) {
  let [sequence, previous]: [number, string | null] = [0, null];
  return (event: object): void => {
    sequence += 1;
    const head = { v: 1, agentId, log: "0123456789abcdef", sequence, previous, at: "2026-12-01T08:00:00.000Z" };
    const line = JSON.stringify({ ...head, uptimeMs: 1, bootId: "b", epoch: 1, ...event });
    previous = sha256Of(line);
    server.events.tell(agentId, Buffer.from(line), previous);
  };
}

async function shipped() {
  const fixture = fleetFixture();
  await fixture.fleet.apply(two, PI, { wait: false });
  const found = await fixture.fleet.manifests(PI, [1]);
  const one = "_tag" in found ? undefined : found.get(1);
  if (one?._tag !== "Manifest") throw new Error("not shipped");
  const entry = async () => {
    const history = await fixture.fleet.history(PI);
    if (history._tag !== "History") throw new Error(history.message);
    return history.entries[0];
  };
  return { ...fixture, sha256: sha256Of(one.payload), entry };
}

describe("what came of a manifest", () => {
  test("of a pair is on the records of its members, whatever else these put on theirs", async () => {
    const { device, server, sha256, entry } = await shipped();
    const offer = { topology: "T", capabilities: {}, absent: {}, kinds: {}, agentVersion: "0.1.0" };
    const document = { ...offer, agentId: PI, members: { "box-a": offer, "box-b": offer } };
    await device.put("capabilities", PI, Buffer.from(JSON.stringify(document)));
    expect(await entry()).toMatchObject({ result: { _tag: "Unknown" }, verifiedBy: null });

    const accepted = { type: "ManifestAccepted", generation: 1, sha256, signedBy: ["ada"], pair: PI };
    const [first, second] = [recorder(server, "box-a"), recorder(server, "box-b")];
    first(accepted);
    // Of its own manifest, which has the same number.
    first({ type: "ManifestSettled", generation: 1, states: { Failed: 9 } });
    expect(await entry()).toMatchObject({ result: { _tag: "Accepted" }, verifiedBy: ["ada"] });
    first({ type: "ManifestSettled", generation: 1, states: STATES, pair: PI });
    second({ type: "ManifestRefused", reason: "PolicyDenied", generation: 1, sha256, signedBy: [], pair: PI });
    expect(await entry()).toMatchObject({ result: { _tag: "Settled", states: STATES }, verifiedBy: ["ada"] });
  });

  test("is not what came of another one under the same generation, nor of a pair's", async () => {
    const { server, sha256, entry } = await shipped();
    const tell = recorder(server, PI);
    tell({ type: "ManifestAccepted", generation: 1, sha256: "0".repeat(64), signedBy: ["eve"] });
    tell({ type: "ManifestAccepted", generation: 1, sha256, signedBy: ["eve"], pair: "kiosks" });
    expect(await entry()).toMatchObject({ result: { _tag: "Unknown" }, verifiedBy: null });
    tell({ type: "ManifestRefused", reason: "BadSignature", generation: 1, sha256, signedBy: [] });
    expect(await entry()).toMatchObject({ result: { _tag: "Refused", reason: "BadSignature" }, verifiedBy: [] });
  });

  test("tells whose signatures fit, and which names are but names", () => {
    const long = "x".repeat(200);
    expect(authorsIn(["ada", "eve"], ["ada"])).toEqual([
      { name: "ada", isVerified: true },
      { name: "eve", isVerified: false },
    ]);
    expect(authorsIn(["ada"], null)).toEqual([{ name: "ada", isVerified: false }]);
    // The record cuts long names.
    expect(authorsIn([long], [long.slice(0, 96)])).toEqual([{ name: long.slice(0, 96), isVerified: true }]);
  });
});
