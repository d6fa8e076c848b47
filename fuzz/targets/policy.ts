import { posix } from "node:path";
import type { Random } from "../../simulator/random.ts";
import { readdirSync, readFileSync } from "node:fs";
import * as z from "zod";
import { KINDS } from "../../src/scores/index.ts";
import type { AnyScore } from "../../src/scores/score.ts";
import { PiWithAuditedShellTopology } from "../../src/topology/pi-with-audited-shell.ts";
import { decodePayload, decodeScore, type Gate, openEnvelope } from "../../src/wire/decode.ts";
import { type DevicePolicies, type DevicePolicy, readPolicy } from "../../src/wire/device-policy.ts";
import { AgentId } from "../../src/wire/keys.ts";
import { denialsOfScore, denialsOfWhole } from "../../src/wire/policy-gate.ts";
import { promise, type Target } from "../target.ts";

const GOLDEN = "test/wire/golden";
const Input = z.object({ policies: z.array(z.unknown()).max(8), scores: z.record(z.string(), z.unknown()) });

const gate: Gate = {
  agentId: AgentId.parse("pi-7"),
  kinds: [...KINDS],
  topology: PiWithAuditedShellTopology,
  trustedKeys: new Map(),
};

const POLICIES: readonly DevicePolicy[] = [
  {},
  {
    kinds: ["File", "Directory"],
    paths: ["/srv", "/etc/motd"],
    limits: { scores: 4, manifestBytes: 4096, diskBytes: 1024 },
  },
  { units: ["web*", "*.timer"], registries: ["ghcr.io/team", "registry.example"], unbounded: ["SystemdService"] },
  { kinds: [], paths: [], units: [], registries: [], unbounded: [] },
  { paths: ["/"], units: ["*.service"] },
];

/** What a device allows: the file of a policy, and policies against Scores. */
export function open(): Target {
  const scores = readdirSync(GOLDEN)
    .filter((file) => /^[A-Z].*@\d+[a-z-]*\.json$/.test(file))
    .map((file) => scoresIn(readFileSync(`${GOLDEN}/${file}`)));
  const seeds = POLICIES.flatMap((policy, at) =>
    scores.map((each, other) => ({ policies: [policy, POLICIES[(at + other) % POLICIES.length]], scores: each })),
  );
  return {
    seeds: seeds.map((seed) => Buffer.from(JSON.stringify(seed))),
    invent: (random) => {
      const given = random.pick(scores) ?? {};
      const policies = Array.from({ length: 1 + random.below(3) }, () => policyAbout(given, random));
      return Buffer.from(JSON.stringify({ policies, scores: given }));
    },
    run,
  };
}

function run(input: Uint8Array): void {
  // As the bytes of a policy's file, whatever they are.
  understood(input);
  const given = readJson(input);
  if (!given.success) return;
  const all = given.data.policies.flatMap((each, at) => {
    const rules = understood(Buffer.from(JSON.stringify(each) ?? ""));
    return rules === null ? [] : [{ name: `/etc/policy-${at}`, rules }];
  });
  const scores = Object.entries(given.data.scores).flatMap(([id, wire]): (readonly [string, AnyScore])[] => {
    const decoded = decodeScore(wire, gate);
    return decoded._tag === "Score" ? [[id, decoded.score]] : [];
  });
  const device = (policies: DevicePolicies["policies"]): DevicePolicies => ({
    reserved: { paths: ["/etc/harmony-edge"], units: ["harmony-agent.service"] },
    policies,
    unreadable: null,
  });
  const denied = (policies: DevicePolicies["policies"]): ReadonlySet<string> => {
    const each = scores.filter(([id, score]) => denialsOfScore(id, score, device(policies)).length > 0);
    const whole = denialsOfWhole(
      given.data.scores,
      scores.map(([, score]) => score),
      device(policies),
    );
    return new Set([...each.map(([id]) => id), ...(whole.length > 0 ? scores.map(([id]) => id) : [])]);
  };
  const byAll = denied(all);
  for (const [at] of all.entries()) {
    const byLess = denied(all.filter((_, other) => other !== at));
    promise(
      [...byLess].every((id) => byAll.has(id)),
      "more policies never allow more",
    );
  }
  for (const { name, rules } of all) {
    const byOne = denied([{ name, rules }]);
    for (const narrower of narrowed(rules)) {
      const byLess = denied([{ name, rules: narrower }]);
      promise(
        [...byOne].every((id) => byLess.has(id)),
        "a rule that allows less never allows more",
      );
    }
  }
  for (const [id, score] of scores) if (!byAll.has(id)) isWithinAll(score, all);
  decoderAgrees(given.data.scores, device(all), byAll);
}

/** The same told in another way: what is allowed lies where some policy says. */
function isWithinAll(score: AnyScore, policies: DevicePolicies["policies"]): void {
  for (const { rules } of policies) {
    promise(rules.kinds?.includes(score.kind) !== false, "no kind is taken beside those that are allowed");
    for (const reach of score.bind().reach ?? []) {
      if (reach._tag === "path" && rules.paths !== undefined) {
        const path = posix.normalize(reach.path);
        const isBelow = rules.paths.some((prefix) =>
          `${path}/`.replace("//", "/").startsWith(posix.join("/", prefix, "/")),
        );
        promise(isBelow, "no path is taken outside of those that are allowed");
      }
      if (reach._tag === "program") {
        const isBound = rules.paths !== undefined || rules.registries !== undefined;
        promise(
          !isBound || rules.unbounded?.includes(score.kind) === true,
          "no program is taken where paths are bound",
        );
      }
    }
  }
}

/** What the decoder takes, the rules allow. */
function decoderAgrees(scores: Record<string, unknown>, policy: DevicePolicies, denied: ReadonlySet<string>): void {
  const payload = JSON.stringify({ agentId: "pi-7", generation: 1, issuedAt: "2026-11-23T08:00:00.000Z", scores });
  const decoded = decodePayload(payload, [], { ...gate, policy }, null);
  if (decoded._tag === "Refused") return;
  for (const [id, each] of decoded.manifest.scores) {
    promise(each._tag === "Refused" || !denied.has(id), "the decoder takes nothing that a policy denies");
  }
}

function understood(bytes: Uint8Array): DevicePolicy | null {
  const read = readPolicy(bytes);
  if (read._tag === "Policy") return read.rules;
  promise(read.message.length > 0, "a policy that cannot be used says why");
  return null;
}

/** A policy of the names that are in these Scores, and of pieces of them: just beside what is allowed is where it goes wrong. */
function policyAbout(scores: unknown, random: Random): DevicePolicy {
  const texts =
    JSON.stringify(scores)
      .match(/"[^"\\]{1,80}"/g)
      ?.map((text) => text.slice(1, -1)) ?? [];
  const some = (wanted: RegExp, change: (text: string) => string): string[] =>
    texts
      .filter((text) => wanted.test(text) && random.chance(0.5))
      .map((text) => (random.chance(0.5) ? change(text) : text));
  const cut = (text: string): string => text.slice(0, 1 + random.below(text.length));
  return {
    ...(random.chance(0.3) && { kinds: some(/^[A-Z][A-Za-z0-9]*$/, cut) }),
    ...(random.chance(0.7) && { paths: some(/^\//, cut) }),
    ...(random.chance(0.3) && { units: some(/^[a-z0-9@.-]+\.(service|timer)$/, (text) => `${cut(text)}*`) }),
    ...(random.chance(0.3) && { registries: some(/^[a-z0-9.-]+\/[a-z0-9./-]+$/, cut) }),
    ...(random.chance(0.3) && { unbounded: some(/^[A-Z][A-Za-z0-9]*$/, (text) => text) }),
    ...(random.chance(0.2) && { limits: { scores: random.below(6), manifestBytes: random.below(4096) } }),
  };
}

/** Each list without one of its entries, and without the exception. */
function* narrowed(rules: DevicePolicy): Generator<DevicePolicy> {
  for (const rule of ["kinds", "paths", "units", "registries", "unbounded"] as const) {
    const list = rules[rule];
    if (list !== undefined && list.length > 0) yield { ...rules, [rule]: list.slice(1) };
  }
  const { unbounded: _, ...rest } = rules;
  yield rest;
}

function readJson(input: Uint8Array) {
  try {
    return z.safeParse(Input, JSON.parse(Buffer.from(input).toString()));
  } catch {
    return z.safeParse(Input, null);
  }
}

function scoresIn(bytes: Uint8Array): unknown {
  const opened = openEnvelope(bytes);
  return opened._tag === "Inline" ? z.object({ scores: z.unknown() }).parse(JSON.parse(opened.payload)).scores : {};
}
