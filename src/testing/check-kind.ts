import { attenuate, type PortTable } from "../scores/attenuate.ts";
import { onlySecrets } from "../scores/secret.ts";
import { freeze } from "../scores/spec.ts";
import { topology } from "../topology/topology.ts";
import { decodeScore } from "../wire/decode.ts";
import { encodeScore } from "../wire/encode.ts";
import { FAKE_SECRETS } from "./fake-secrets.ts";
import { same } from "./same.ts";
import { demand, onStage, type Scene, type Stage } from "./stage.ts";
import type { World } from "./world.ts";

export const looksOnly = async (world: World, scene: Scene): Promise<void> => {
  const { requires } = world.kind;
  await onStage(world, scene, async (stage) => {
    const touched: string[] = [];
    const elsewhere = watched("Elsewhere", {}, [], touched);
    const { reads, full } = attenuate(requires, { ...stage.place.ports, Elsewhere: elsewhere });
    const names = requires.map(({ name }) => name).toSorted();
    for (const handed of [reads, full]) {
      const given = Object.keys(handed).toSorted();
      demand(same(given, names), "it is handed the ports that it requires, and no other", { given, requires: names });
    }
    for (const { name, reads: methods } of requires) {
      const given = Object.keys(reads[name] ?? {}).toSorted();
      demand(same(given, methods.toSorted()), `while it observes, ${name} has its reading methods alone`, { given });
    }
    const sealed: PortTable = Object.fromEntries(
      requires.map(({ name, reads: methods }) => [name, watched(name, reads[name] ?? {}, methods, touched)]),
    );
    const { clock } = stage;
    const context = {
      signal: new AbortController().signal,
      clock,
      log: () => {},
      secrets: onlySecrets(stage.score.bind().secrets, FAKE_SECRETS),
    };
    await stage.score.bind().observe(watched("ports", sealed, names, touched), context);
    demand(touched.length === 0, "while it observes, it reaches for what it may not use", { touched });
  });
  // Once it has been handed the whole ports, it could have kept them.
  await onStage(world, scene, async (stage) => {
    await stage.run("interpret");
    const before = await stage.snapshot();
    const { writes } = await stage.preview();
    demand(writes === 0 && same(before, await stage.snapshot()), "while it observes, it writes", { writes });
  });
};

/** Notes each use of a member that is not among the allowed ones. */
function watched<T extends object>(port: string, target: T, allowed: readonly string[], touched: string[]): T {
  return new Proxy(target, {
    get: (_, key): unknown => {
      if (!allowed.includes(String(key))) touched.push(`${port}.${String(key)}`);
      return Reflect.get(target, key);
    },
  });
}

export const isPure = (world: World, scene: Scene): Promise<void> =>
  onStage(world, scene, async (stage) => {
    await decidesAlike(stage);
    await stage.run("interpret");
    await decidesAlike(stage);
    await stage.change(scene.changes);
    await decidesAlike(stage);
  });

async function decidesAlike(stage: Stage): Promise<void> {
  const { score, spec, world, claims } = stage;
  const { preview } = await stage.preview();
  // A decision that changes what it is given throws on frozen data.
  const observed: unknown = freeze(preview.observed);
  const decide = (): unknown => {
    const bound = score.bind();
    const plan = bound.plan(observed);
    return {
      identity: bound.identity,
      plan,
      restart: bound.restart(observed),
      run: bound.run(observed),
      pauses: Array.isArray(plan) ? plan.map((step: unknown) => bound.pauses(step)) : [],
      disturbs: Array.isArray(plan) ? plan.map((step: unknown) => bound.disturbs(step)) : [],
      retire: bound.retire(observed, new Set(claims)),
      claims: Array.isArray(plan) ? plan.map((step: unknown) => bound.claims(step)) : [],
    };
  };
  const first = decide();
  demand(same(first, decide()), "asked twice, it decides alike", { first, second: decide() });
  const { identity } = world.kind.parse(spec).bind();
  demand(identity === score.bind().identity, "equal specs have one identity", { identity });
  demand(/^[a-z][a-z0-9-]*:[^]+$/.test(identity), 'an identity is "<concept>:<name>"', { identity });
}

export const speaksPlainly = (world: World, scene: Scene): Promise<void> =>
  onStage(world, scene, async (stage) => {
    // The stage holds everything that is seen, planned and done against the kind's schemas and against JSON.
    await stage.preview();
    await stage.run("interpret");
    await stage.change(scene.changes);
    await stage.preview();
    await stage.run("interpret");
    await stage.run("retire");
  });

export const travels = async (world: World, { spec }: Scene): Promise<void> => {
  const { kind } = world;
  const gate = { kinds: [kind], topology: topology("Anywhere", kind.requires) };
  const score = kind.parse(spec);
  const arrived = decodeScore(JSON.parse(JSON.stringify(encodeScore(score))), gate);
  demand(arrived._tag === "Score", "the wire takes every spec that the kind takes", { arrived });
  demand(same(arrived.score.spec, score.spec), "the spec arrives as it was sent", {
    sent: score.spec,
    arrived: arrived.score.spec,
  });
  const again = decodeScore(JSON.parse(JSON.stringify(encodeScore(arrived.score))), gate);
  demand(again._tag === "Score" && again.digest === arrived.digest, "sent on, it has the same digest", {
    arrived,
    again,
  });
};
