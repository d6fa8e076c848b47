import { describe, expect, test } from "vitest";
import { FileScore, fleet, group, isFleet, manifest, PiTopology, PiWithAuditedShellTopology } from "../../src/index.ts";
import { type KnownDevice, manifestFor, sampleDevices } from "../../src/topology/fleet-manifest.ts";
import { knownDevice } from "../../src/check/fleet.ts";
import { capabilities } from "../fleet/scripted-agent.ts";

const device = (labels: Readonly<Record<string, string>>, agentId = "pi-1"): KnownDevice => ({
  agentId,
  labels,
  hardware: null,
  facts: {},
});
const GREETING = { paris: "bonjour", rome: "ciao" };
const kiosks = group("role=kiosk", PiTopology, { site: ["paris", "rome"] }, ({ agentId, labels, others }) =>
  manifest(PiTopology, {
    motd: new FileScore({
      path: "/etc/motd",
      content: `${GREETING[labels.site]}, ${agentId} ${others["rack"] ?? "-"}`,
    }),
  }),
);

describe("a fleet", () => {
  test("gives each device the manifest of its group, made of what is known of it", () => {
    const made = manifestFor(fleet({ kiosks }), device({ role: "kiosk", site: "rome", rack: "3" }));
    expect(made).toMatchObject({
      _tag: "Made",
      group: "kiosks",
      manifest: { scores: { motd: { spec: { content: "ciao, pi-1 3" } } } },
    });
    expect(manifestFor(fleet({ kiosks }), device({ role: "door", site: "rome" }))).toEqual({ _tag: "NotMeant" });
    expect(isFleet(fleet({ kiosks })) && !isFleet({ groups: {} })).toBe(true);
  });

  test("refuses a device of two groups, and one without what its group needs, by name", () => {
    const paris = group("site=paris", PiTopology, {}, () => manifest(PiTopology, {}));
    expect(manifestFor(fleet({ kiosks, paris }), device({ role: "kiosk", site: "paris" }))).toEqual({
      _tag: "Refused",
      message: 'pi-1 is in the groups "kiosks" and "paris": a device has one manifest, so take it out of all but one',
    });
    expect(manifestFor(fleet({ kiosks }), device({ role: "kiosk" }))).toEqual({
      _tag: "Refused",
      message: 'group "kiosks", for pi-1: the device has no label "site", which the group needs',
    });
    expect(manifestFor(fleet({ kiosks }), device({ role: "kiosk", site: "oslo" }))).toMatchObject({
      message: 'group "kiosks", for pi-1: the label "site" is "oslo", and the group knows paris, rome',
    });
  });

  test("takes what goes wrong in its functions for a refusal", () => {
    const broken = group("a", PiTopology, {}, () => {
      throw new Error("no such site");
    });
    expect(manifestFor(fleet({ broken }), device({ a: "1" }))).toMatchObject({
      message: expect.stringContaining("no such site"),
    });
    // The compiler is got around, as JavaScript would.
    // @ts-expect-error TS2322
    const other = group("a", PiTopology, {}, () => manifest(PiWithAuditedShellTopology, {}));
    expect(manifestFor(fleet({ other }), device({ a: "1" }))).toMatchObject({
      message: expect.stringContaining(
        "its manifest is for PiWithAuditedShellTopology, and the group is for PiTopology",
      ),
    });
    // @ts-expect-error TS2322
    const none = group("a", PiTopology, {}, () => ({}));
    expect(manifestFor(fleet({ none }), device({ a: "1" }))).toMatchObject({
      message: expect.stringContaining("not made by manifest()"),
    });
  });

  test.each([
    ["role=", "column 6: expected a value"],
    ["a in (x,y),a notin (x,y)", "no device can fit"],
    ["a=x,a=y", "no device can fit"],
  ])("is refused where the selector is %s", (selector, message) => {
    expect(() => group(selector, PiTopology, {}, () => manifest(PiTopology, {}))).toThrow(message);
  });

  test("is refused without groups, and with bad labels", () => {
    const make = () => manifest(PiTopology, {});
    expect(() => fleet({})).toThrow("at least one group");
    expect(() => group("a", PiTopology, { "b c": "any" }, make)).toThrow('"b c" is no key of a label');
    expect(() => group("a", PiTopology, { b: ["c d"] }, make)).toThrow('"c d" is no value of the label "b"');
  });

  test("is tried out on a device for each combination of the values that it names", () => {
    const both = group(
      "env in (test,live),rack,!gone,hall!=example",
      PiTopology,
      { site: ["paris", "rome"], hall: "any" },
      () => manifest(PiTopology, {}),
    );
    const samples = sampleDevices("Both Of", both);
    expect(samples.map(({ labels }) => `${labels["site"]} ${labels["env"]}`).toSorted()).toEqual([
      "paris live",
      "paris test",
      "rome live",
      "rome test",
    ]);
    for (const each of samples) expect(manifestFor(fleet({ both }), each)).toMatchObject({ _tag: "Made" });
  });

  test("knows of a device what its agent has published", () => {
    const document = capabilities({ labels: { role: "kiosk" }, capabilities: { SystemdHost: { version: 257 } } });
    expect(knownDevice(document)).toEqual({
      agentId: "pi-7",
      labels: { role: "kiosk" },
      hardware: null,
      facts: { SystemdHost: { version: 257 } },
    });
  });
});
