import * as fc from "fast-check";
import type { Reach } from "../../src/scores/reach.ts";
import type { DevicePolicies, DevicePolicy } from "../../src/wire/device-policy.ts";
import type { Asked } from "../../src/wire/policy-rules.ts";

/** Policies and what they are asked, drawn from so few words that they often meet. */

/** One whose owner says nothing. */
export const device: DevicePolicies = { reserved: { paths: [], units: [] }, policies: [], unreadable: null };

export const policyOf = (...all: readonly DevicePolicy[]): DevicePolicies => ({
  ...device,
  policies: all.map((rules, at) => ({ name: `/policy-${at}.json`, rules })),
});

const some = <T>(...words: readonly [T, ...T[]]) => fc.uniqueArray(fc.constantFrom(...words), { maxLength: 3 });

export const rules: fc.Arbitrary<DevicePolicy> = fc.record(
  {
    kinds: some("File", "Directory", "SystemdService", "ShellJob"),
    paths: some("/", "/srv", "/srv/app", "/etc//x/", "/srv/app-x"),
    units: some("web.service", "web*", "*.timer", "db.service"),
    registries: some("ghcr.io", "ghcr.io/acme", "docker.io"),
    unbounded: some("SystemdService", "ShellJob", "Strange"),
    limits: fc.record({ manifestBytes: fc.nat(1500), scores: fc.nat(4), diskBytes: fc.nat(60) }, { requiredKeys: [] }),
  },
  { requiredKeys: [] },
);

const reach: fc.Arbitrary<Reach> = fc.oneof(
  fc
    .constantFrom("/srv", "/srv/app/x", "/srv/app-x/y", "/etc/x", "/etc/systemd/system/a.service", "/srv/../etc")
    .map((path): Reach => ({ _tag: "path", path })),
  fc
    .constantFrom("web.service", "web-2.service", "a.timer", "ssh.service")
    .map((unit): Reach => ({ _tag: "unit", unit })),
  fc
    .constantFrom("ghcr.io/acme/web:1", "ghcr.io/other/web:1", "nginx")
    .map((image): Reach => ({ _tag: "image", image })),
  fc.constant<Reach>({ _tag: "imageArchive", asset: "a".repeat(64) }),
  fc.constantFrom(null, "web.service").map((unit): Reach => ({ _tag: "program", what: "a program", unit })),
);

export const asked: fc.Arbitrary<Asked> = fc.record({
  id: fc.constant("x"),
  kind: fc.constantFrom("File", "Directory", "SystemdService", "ShellJob", "Strange"),
  reach: fc.option(fc.array(reach, { maxLength: 4 })),
});
