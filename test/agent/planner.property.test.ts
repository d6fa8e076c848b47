import * as fc from "fast-check";
import { expect, test } from "vitest";
import * as z from "zod";
import type { AnyScore } from "../../src/scores/score.ts";
import { AgentRig, device } from "./support/agent-rig.ts";
import { directory, file, free } from "./support/manifests.ts";

/** Places below and beside one another, so that what one Score makes is what another needs, or what is in its way. */
const PLACES = ["/a", "/d", "/d/x", "/d/y", "/d/e/z", "/f"] as const;

const score = fc.oneof(
  fc
    .record({ path: fc.constantFrom(...PLACES), text: fc.constantFrom("1", "2"), parents: fc.boolean() })
    .map(({ path, text, parents }): AnyScore => file(path, text, { parents })),
  fc
    .record({ path: fc.constantFrom(...PLACES), parents: fc.boolean() })
    .map(({ path, parents }): AnyScore => directory(path, { parents })),
  fc
    .record({
      name: fc.constantFrom("p", "q"),
      value: fc.constantFrom("1", "2"),
      parts: fc.integer({ min: 1, max: 2 }),
    })
    .map(({ name, ...rest }): AnyScore => free(name, rest)),
);
const manifest = fc
  .record({
    scores: fc.uniqueArray(score, { maxLength: 6, selector: (each) => each.bind().identity }),
    edges: fc.array(fc.tuple(fc.nat(5), fc.nat(5), fc.boolean()), { maxLength: 4 }),
  })
  .map(({ scores, edges }) => {
    const ids = scores.map((each) => each.bind().identity.replaceAll(/[^a-z]/g, "-"));
    const restartOn: Record<string, string[]> = {};
    const after: Record<string, string[]> = {};
    for (const [one, other, isOrder] of edges) {
      const [from, to] = [ids[Math.max(one, other)], ids[Math.min(one, other)]];
      if (from === undefined || to === undefined || from === to) continue;
      if (isOrder) (after[from] ??= []).push(to);
      else if (scores[Math.max(one, other)]?.bind().restarts === true) (restartOn[from] ??= []).push(to);
    }
    const all: Record<string, AnyScore> = {};
    for (const [at, each] of scores.entries()) all[ids[at] ?? ""] = each;
    return { scores: all, restartOn, after };
  });
const tampering = fc.oneof(
  fc.record({
    do: fc.constant("file" as const),
    path: fc.constantFrom("/a", "/f"),
    text: fc.constantFrom("1", "theirs"),
  }),
  fc.record({ do: fc.constant("take" as const), path: fc.constantFrom("/a", "/d/x", "/f") }),
  fc.record({
    do: fc.constant("value" as const),
    name: fc.constantFrom("p/0", "q/0"),
    value: fc.constantFrom("1", "theirs"),
  }),
);

const Step = z.looseObject({ do: z.string() });

/**
 * Files are worked on side by side, so that two of them can both make a directory that neither found; and what restarts on
 * another one can be made before that has changed, or after.
 */
const certain = (steps: readonly unknown[], mayRestart: boolean): readonly unknown[] =>
  steps.filter((step) => {
    const { do: what } = Step.parse(step);
    return what !== "makeDirectory" && !(mayRestart && what === "restart");
  });

test(
  "what apply does then is what the plan has said, and the plan itself has written nothing",
  { timeout: 120_000 },
  async () => {
    const seen = new Map<string, number>();
    await fc.assert(
      fc.asyncProperty(manifest, fc.array(tampering, { maxLength: 3 }), manifest, async (before, tampered, asked) => {
        const on = device();
        // Nobody tells the agent of what is tampered with: it is still so when the plan is made.
        on.files.watch = () => () => {};
        const rig = await AgentRig.start({ on });
        await rig.send({ generation: 1, ...before });
        await rig.status();
        for (const each of tampered) {
          if (each.do === "value") on.probe.values.set(each.name, each.value);
          else if (each.do === "take") on.files.take(each.path);
          else if (on.files.tree()[each.path]?.type !== "directory") {
            on.files.put(each.path, { type: "file", text: each.text });
          }
        }
        const device0 = JSON.stringify([on.files.tree(), [...on.probe.values]]);
        const writes = [on.files.writes, on.probe.did.length, on.disk.writes.length, rig.statusWrites];
        const plan = await rig.plan({ generation: 2, ...asked });
        if (typeof plan === "string" || plan._tag !== "Plan") throw new Error(JSON.stringify(plan));
        expect([on.files.writes, on.probe.did.length, on.disk.writes.length, rig.statusWrites]).toEqual(writes);
        expect(JSON.stringify([on.files.tree(), [...on.probe.values]])).toBe(device0);

        const from = rig.told.length;
        await rig.send({ generation: 2, ...asked });
        // No time passes: what failed is not tried again yet, when others may have made what it lacked.
        const told = rig.told.slice(from);
        // Directories that were made for several go with the last of them.
        await rig.clock.advance(10_000);
        const later = rig.told.slice(from);
        for (const [name, said] of Object.entries(plan.scores)) {
          seen.set(said.would, (seen.get(said.would) ?? 0) + 1);
          const [id] = name.split("~");
          const isOld = said.would === "RETIRE" || said.would === "LEAVE";
          const words = isOld ? ["a dropped Score was removed"] : ["a Score was applied", "a Score failed"];
          const identity = name.includes("~") ? name.slice(name.indexOf("~") + 1) : null;
          const first = (isOld ? later : told).find(
            ({ message, fields }) =>
              words.includes(message) && fields["id"] === id && (identity === null || fields["identity"] === identity),
          );
          // What is started anew on one that comes later in the manifest is worked on twice.
          const did = told.filter(({ message, fields }) => message === "a Score was applied" && fields["id"] === id);
          const all = did.flatMap(({ fields }) => fields["did"]);
          const seenNow = { name, plan: said, first };
          if (said.would === "NOOP" || said.would === "LEAVE") {
            expect(seenNow).toEqual({ name, plan: said, first: undefined });
          }
          if (said.would === "CHANGE") {
            const mayRestart = said.restartedBy !== undefined;
            expect({ name, did: certain(all, mayRestart) }).toEqual({ name, did: certain(said.steps, mayRestart) });
            const restarts = (steps: readonly unknown[]): boolean =>
              certain(steps, false).length > certain(steps, true).length;
            if (restarts(said.steps)) expect({ name, restarts: restarts(all) }).toEqual({ name, restarts: true });
          }
          if (said.would === "FAIL") {
            // Of two that are in each other's way, and worked on side by side, one may find that only as it begins.
            expect(seenNow).toMatchObject({ first: { message: "a Score failed" } });
          }
          if (said.would === "RETIRE" && said.steps.length > 0) {
            expect(seenNow).toMatchObject({ first: { fields: { id } } });
          }
        }
        await rig.agent.stop();
      }),
      { numRuns: 500 },
    );
    // All that a plan can say of these kinds was said.
    for (const would of ["NOOP", "CHANGE", "RETIRE", "FAIL", "WAIT"]) expect(seen.get(would) ?? 0).toBeGreaterThan(10);
  },
);
