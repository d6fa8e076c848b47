import { describe, expect, test } from "vitest";
import { inlineEnvelope } from "../../src/wire/encode.ts";
import type { CapabilitiesDocument } from "../../src/wire/status.ts";
import { releases } from "../wire/released/releases.ts";
import { fleetFixture, two } from "./fleet-fixture.ts";
import { capabilities, PI } from "./scripted-agent.ts";

const noWait = { wait: false } as const;

/** Two generations shipped to an agent that has published this. */
async function shipped(document: CapabilitiesDocument) {
  const fixture = fleetFixture();
  await fixture.device.put("capabilities", PI, Buffer.from(JSON.stringify(document)));
  for (const _ of [1, 2]) expect(await fixture.fleet.apply(two, PI, noWait)).toMatchObject({ _tag: "Shipped" });
  return fixture;
}
const { takes: _, ...before } = capabilities();

describe("an agent that knows no message", () => {
  test("is shipped none, and is told to be the reason", async () => {
    const { fleet } = await shipped(before);
    const lacking = {
      _tag: "Lacking",
      objections: [
        expect.objectContaining({
          rule: "UnknownField",
          sentence: expect.stringContaining('agent pi-7 (0.1.0) knows no "message" of a manifest'),
        }),
      ],
    };
    expect(await fleet.apply(two, PI, { ...noWait, message: "why" })).toEqual(lacking);
    expect(await fleet.prepareRollback(PI, { to: 1, message: "why" })).toMatchObject({
      _tag: "Refused",
      reason: "UnknownField",
    });
    const manifest = { agentId: PI, generation: 9, issuedAt: "2026-12-01T00:00:00.000Z", scores: {}, message: "why" };
    const bundle = { payload: JSON.stringify(manifest), signatures: [], manifest };
    expect(await fleet.applyBundle(bundle, PI, noWait)).toEqual(lacking);
    expect(await fleet.desired(PI)).toMatchObject({ generation: 2 });
  });

  test("is also a pair of which one member knows none", async () => {
    const fixture = fleetFixture();
    const publish = (id: string, document: object) =>
      fixture.device.put("capabilities", id, Buffer.from(JSON.stringify({ ...document, agentId: id })));
    const { agentId: _id, ...offer } = { ...before, absent: {} };
    await publish(PI, { ...before, members: { "box-a": offer, "box-b": offer } });
    await publish("box-a", capabilities());
    await publish("box-b", before);
    const ship = () => fixture.fleet.apply(two, PI, { ...noWait, message: "why" });
    expect(await ship()).toMatchObject({ _tag: "Lacking", objections: [{ rule: "UnknownField" }] });
    await publish("box-b", capabilities());
    expect(await ship()).toMatchObject({ _tag: "Shipped" });
  });

  test.each(releases)("gets a way back that $version takes", async ({ decoder }) => {
    const back = async (document: CapabilitiesDocument) => {
      const prepared = await (await shipped(document)).fleet.prepareRollback(PI, { to: 1 });
      if (prepared._tag !== "Prepared") throw new Error(prepared._tag);
      return prepared.bundle;
    };
    const [older, current] = [await back(before), await back(capabilities())];
    expect(older.manifest.message).toBeUndefined();
    expect(current.manifest.message).toBe("back to generation 1");
    expect((await decoder.whatItMakes(inlineEnvelope(older.payload, []))).refused).toBeNull();
    // The release that is kept as 0.1.0 is of before; a later one takes it.
    const made = await decoder.whatItMakes(inlineEnvelope(current.payload, []));
    expect([null, "Malformed"]).toContain(made.refused);
  });
});
