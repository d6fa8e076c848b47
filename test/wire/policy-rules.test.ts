import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  ContainerScore,
  DirectoryScore,
  FileScore,
  FirewallPortsScore,
  K8sDeploymentScore,
  PackageScore,
  ShellJobScore,
  SystemdServiceScore,
  SystemdTimerScore,
  SystemdUnitScore,
} from "../../src/scores/index.ts";
import { repositoryOf } from "../../src/scores/reach.ts";
import type { AnyScore } from "../../src/scores/score.ts";
import { type World, WORLDS } from "../../src/testing/index.ts";
import type { DevicePolicy } from "../../src/wire/device-policy.ts";
import { askedBy } from "../../src/wire/policy-gate.ts";
import { type Asked, denialsOf } from "../../src/wire/policy-rules.ts";
import { asked, device, policyOf, rules } from "./policies.ts";

const of = (score: AnyScore, ...policies: readonly DevicePolicy[]): readonly string[] =>
  denialsOf(askedBy("x", score), policyOf(...policies)).map(({ rule }) => rule);

const file = (path: string) => new FileScore({ path, content: "1234" });
const service = (name: string) => new SystemdServiceScore({ name, exec: ["/bin/true"], requires: ["db.service"] });
const container = (from: string, image = "ghcr.io/acme/web:1") =>
  new ContainerScore({ name: "web", image, volumes: [{ from, to: "/data" }] });
const loaded = new ContainerScore({ name: "web", image: { asset: "a".repeat(64), size: 5 } });
const job = new ShellJobScore({
  name: "job",
  check: ["/bin/true"],
  run: ["/bin/true"],
  runAs: "root",
  approver: "me",
  expires: new Date("2030-01-01"),
});

describe("a policy", () => {
  test.each<readonly [string, AnyScore, DevicePolicy, readonly string[]]>([
    ["takes the kinds that it names", file("/a"), { kinds: ["File"] }, []],
    ["and no other", file("/a"), { kinds: ["Directory"] }, ["kinds"]],
    ["takes nothing by an empty list", file("/a"), { kinds: [], paths: [] }, ["kinds", "paths"]],
    ["takes a file beneath a path", file("/srv/app/a"), { paths: ["/etc", "/srv//app/"] }, []],
    ["and not beside it", file("/srv/app-x"), { paths: ["/srv/app"] }, ["paths"]],
    ["takes every path beneath /", file("/a"), { paths: ["/"] }, []],
    ["takes a directory at the path itself", new DirectoryScore({ path: "/srv" }), { paths: ["/srv"] }, []],
    ["and not above it", new DirectoryScore({ path: "/srv" }), { paths: ["/srv/app"] }, ["paths"]],
    ["takes a volume from a path", container("/srv/data"), { paths: ["/srv"] }, []],
    ["and not from another", container("/var"), { paths: ["/srv"] }, ["paths"]],
    ["looks at no volume that the runtime keeps", container("data"), { paths: ["/srv"] }, []],
    ["takes units by name", service("web"), { units: ["web.service", "db.service"] }, []],
    ["by their beginning and their end", service("web"), { units: ["w*", "*b.service"] }, []],
    ["and not those that come along", service("web"), { units: ["web.service"] }, ["units"]],
    [
      "takes a timer with what it starts",
      new SystemdTimerScore({ name: "t", onCalendar: ["daily"], unit: "ssh.service" }),
      { units: ["t*"] },
      ["units"],
    ],
    ["takes no file that is a unit", file("/etc/systemd/system/web.service"), { units: ["web.service"] }, ["units"]],
    ["takes a file elsewhere under a rule of units", file("/srv/a"), { units: [] }, []],
    ["takes a container by its service", container("data"), { units: ["other.service"] }, ["units"]],
    ["takes images of a registry", container("data"), { registries: ["ghcr.io"] }, []],
    ["takes images of a part of it", container("data"), { registries: ["ghcr.io/acme"] }, []],
    ["and of no other part", container("data"), { registries: ["ghcr.io/ac"] }, ["registries"]],
    ["takes an image in an asset where it says so", loaded, { registries: ["ghcr.io", "asset"] }, []],
    ["and where it has no rule of registries", loaded, { paths: [] }, []],
    ["and not for a registry alone", loaded, { registries: ["ghcr.io"] }, ["registries"]],
    [
      "knows where an image without a registry is from",
      new K8sDeploymentScore({ name: "web", image: "nginx:1" }),
      { registries: ["docker.io/library"] },
      [],
    ],
    ["takes no commands under a rule of paths", job, { paths: ["/"] }, ["paths"]],
    ["nor under one of units or registries", job, { units: ["a.service"], registries: [] }, ["units", "registries"]],
    ["but where it is told to", job, { paths: ["/srv"], units: [], unbounded: ["ShellJob"] }, []],
    ["and not because it takes the kind", job, { kinds: ["ShellJob"], paths: ["/srv"] }, ["paths"]],
    ["takes no package under a rule of paths", new PackageScore({ name: "curl" }), { paths: ["/srv"] }, ["paths"]],
    ["takes no service under a rule of paths", service("web"), { paths: ["/srv"] }, ["paths"]],
    [
      "takes a packaged unit",
      new SystemdUnitScore({ unit: "ssh.service", active: true }),
      { paths: ["/srv"], units: ["ssh.service"] },
      [],
    ],
    [
      "but no settings of it",
      new SystemdUnitScore({ unit: "ssh.service", settings: { Service: { ExecStart: "/bin/x" } } }),
      { paths: ["/srv"] },
      ["paths"],
    ],
    [
      "has nothing but a kind to say of ports",
      new FirewallPortsScore({ name: "wan", ports: [{ port: 22 }] }),
      { paths: [], units: [], registries: [] },
      [],
    ],
  ])("%s", (_, score, policy, expected) => {
    expect(of(score, policy)).toEqual(expected);
  });

  test("of a kind that does not tell what it touches takes it where there is no such rule, or by its name", () => {
    const untold: Asked = { id: "x", kind: "Strange", reach: null };
    const judged = (policy: DevicePolicy) => denialsOf(untold, policyOf(policy)).map(({ rule }) => rule);
    expect(judged({ kinds: ["Strange"], limits: { scores: 1 } })).toEqual([]);
    expect(judged({ paths: ["/"], units: [], registries: [] })).toEqual(["paths", "units", "registries"]);
    expect(judged({ paths: [], unbounded: ["Strange"] })).toEqual([]);
  });

  test("that says no says what, by which rule, what that allows, and what to do", () => {
    const sentences = (score: AnyScore, policy: DevicePolicy) =>
      denialsOf(askedBy("x", score), policyOf(policy)).map(({ sentence }) => sentence);
    expect(sentences(file("/etc/motd"), { paths: ["/srv", "/var/app"] })).toEqual([
      '"x" (File) touches /etc/motd, and the rule "paths" of the policy /policy-0.json allows /srv, /var/app alone: change the Score, or ask the owner of the device to change the policy',
    ]);
    expect(sentences(job, { paths: [] })).toEqual([
      '"x" (ShellJob) can reach anything on the device (its commands), and the rule "paths" of the policy /policy-0.json allows nothing: leave the Score out, or ask the owner of the device to name ShellJob under "unbounded"',
    ]);
  });
});

describe("what is the agent's own", () => {
  const own = { ...policyOf(), reserved: { paths: ["/var/lib/harmony"], units: ["harmony-agent.service"] } };
  const rulesOf = (score: AnyScore) => denialsOf(askedBy("x", score), own).map(({ rule, policy }) => [rule, policy]);
  const no = [["reserved", null]];

  test.each<readonly [string, AnyScore, readonly unknown[]]>([
    ["a file in it", file("/var/lib/harmony/policy.json"), no],
    ["the thing itself", file("/var/lib/harmony"), no],
    ["what is above it, and could be given to others", new DirectoryScore({ path: "/var/lib" }), no],
    ["a volume of what is above it", container("/var"), no],
    ["its unit", new SystemdUnitScore({ unit: "harmony-agent.service", active: false }), no],
    ["a service of its name", service("harmony-agent"), no],
    ["what only begins like it", file("/var/lib/harmony-x"), []],
  ])("is kept from a Score without any policy: %s", (_, score, expected) => {
    expect(rulesOf(score)).toEqual(expected);
  });

  test("is kept from it whatever a policy allows", () => {
    const all = { ...own, policies: policyOf({ paths: ["/"], unbounded: ["File"], kinds: ["File"] }).policies };
    expect(denialsOf(askedBy("x", file("/var/lib/harmony/x")), all)).toHaveLength(1);
  });
});

describe("policies", () => {
  test("together allow what each of them does, and nothing else", () => {
    fc.assert(
      fc.property(asked, rules, rules, (score, a, b) => {
        const denied = (...all: readonly DevicePolicy[]) => denialsOf(score, policyOf(...all)).length > 0;
        expect(denied(a, b)).toBe(denied(a) || denied(b));
      }),
    );
  });

  test("never allow more by another rule, nor by a rule that is narrower", () => {
    const field = fc.constantFrom("kinds", "paths", "units", "registries");
    fc.assert(
      fc.property(asked, rules, field, rules, (score, policy, name, other) => {
        const { [name]: rule, ...without } = policy;
        const isDenied = (each: DevicePolicy): boolean => denialsOf(score, policyOf(each)).length > 0;
        const stricter = [
          [without, policy],
          ...(rule === undefined ? [] : [[policy, { ...policy, [name]: rule.slice(1) }] as const]),
          ...(other[name] === undefined ? [] : [[without, { ...without, [name]: other[name] }] as const]),
        ] as const;
        for (const [less, more] of stricter) expect(isDenied(more) || !isDenied(less)).toBe(true);
      }),
    );
  });

  test("of nothing deny nothing", () => {
    fc.assert(
      fc.property(asked, (score) => {
        expect([...denialsOf(score, policyOf({})), ...denialsOf(score, device)]).toEqual([]);
      }),
    );
  });
});

test.each(Object.entries<World>(WORLDS))("a %s tells what it touches, whatever its spec", (_, world) => {
  for (const spec of fc.sample(world.specs, { numRuns: 100, seed: 1 })) {
    const { reach } = world.kind.parse(spec).bind();
    expect(reach).not.toBeNull();
    expect(JSON.parse(JSON.stringify(reach))).toEqual(reach);
  }
});

test.each([
  ["ghcr.io/acme/web:1", "ghcr.io/acme/web"],
  [`localhost:5000/web@sha256:${"0".repeat(64)}`, "localhost:5000/web"],
  ["localhost/web", "localhost/web"],
  ["localhost:5000/web", "localhost:5000/web"],
  ["acme/web:1", "docker.io/acme/web"],
  ["nginx", "docker.io/library/nginx"],
  ["evil.example/ghcr.io/web", "evil.example/ghcr.io/web"],
])("the image %s is of %s", (image, repository) => {
  expect(repositoryOf(image)).toBe(repository);
});
