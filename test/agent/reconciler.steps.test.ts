import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { DirectoryScore, FileScore } from "../../src/scores/index.ts";
import { compose } from "../../src/topology/compose.ts";
import { manifest } from "../../src/topology/manifest.ts";
import { PiTopology } from "../../src/topology/pi.ts";
import type { Policy } from "../../src/topology/policies.ts";
import { file, probe } from "./support/manifests.ts";
import { ReconcilerRig } from "./support/reconciler-rig.ts";

/** Whatever comes between: what was begun is carried through, and what is somebody else's is left alone. */

test("what is dropped is removed in reverse order, also across compositions, wherever the agent dies between two steps", async () => {
  const site = (name: string) =>
    compose(
      "Site",
      {
        folder: new DirectoryScore({ path: `/srv/${name}`, parents: true }),
        page: new FileScore({ path: `/srv/${name}/page`, content: "" }),
      },
      { after: { page: ["folder"] } },
    );
  const { scores, after } = manifest(PiTopology, { one: site("one"), two: site("two") }, { after: { two: ["one"] } });
  const paths = ["/srv/two/page", "/srv/two", "/srv/one/page", "/srv/one", "/srv"];
  for (let dies = 0; dies <= paths.length; dies += 1) {
    let rig = await ReconcilerRig.open();
    await rig.accept({ generation: 1, scores, after });
    await rig.ledger.flush();
    const removed: string[] = [];
    let until = dies;
    for (const name of ["removeFile", "removeDirectory"] as const) {
      const remove = rig.files[name].bind(rig.files);
      rig.files[name] = (path) => {
        // The process dies here: it never comes to know of an answer.
        if (removed.length >= until) return new Promise(() => {});
        removed.push(path);
        return remove(path);
      };
    }
    await rig.accept({ generation: 2, scores: {} });
    expect(removed).toEqual(paths.slice(0, dies));
    until = Infinity;
    rig = await rig.crash();
    await rig.accept({ generation: 2, scores: {} }, "corrective");
    expect({ dies, tree: rig.tree, states: rig.states }).toEqual({ dies, tree: {}, states: {} });
    expect([...new Set(removed)]).toEqual(paths);
  }
});

describe("whatever comes when,", () => {
  const policy: fc.Arbitrary<Policy> = fc.record(
    {
      drift: fc.constantFrom("repair" as const, "report" as const),
      ownership: fc.constantFrom("adopt" as const, "own" as const, "createOnly" as const, "observe" as const),
      removal: fc.constantFrom("retire" as const, "orphan" as const),
    },
    { requiredKeys: [], noNullPrototype: true },
  );
  const event = fc.oneof(
    fc.record({ on: fc.constant("send" as const), policy, content: fc.constantFrom("1", "2") }),
    fc.record({ on: fc.constant("drop" as const) }),
    fc.record({ on: fc.constant("crash" as const) }),
    fc.record({ on: fc.constant("theirs" as const), text: fc.constantFrom("theirs", "1", null) }),
    fc.record({ on: fc.constant("time" as const) }),
  );

  test("a Score writes only what its policy lets it write, and what is told of it is so", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(event, { maxLength: 14 }), async (events) => {
        let rig = await ReconcilerRig.open();
        let now: { readonly policy: Policy; readonly content: string } | null = null;
        let generation = 0;
        /** Whether anything of what stands there came from the agent. */
        let isMade = false;
        const wanted = () =>
          now === null
            ? { generation, scores: {} }
            : { generation, scores: { a: file("/a", now.content), b: probe("b") }, policies: { a: now.policy } };
        for (const each of events) {
          const [writes, before] = [rig.files.writes, rig.tree["/a"]];
          const change = each.on === "send" || each.on === "drop" ? "intentional" : "corrective";
          if (each.on === "send") {
            now = each;
            generation += 1;
            await rig.accept(wanted());
          } else if (each.on === "drop") {
            // By the policy before.
            const left = now?.policy.removal === "orphan" || now?.policy.ownership === "observe";
            now = null;
            generation += 1;
            await rig.accept(wanted());
            if (left || !isMade) expect(rig.tree["/a"]).toBe(before);
            isMade = false;
          } else if (each.on === "crash") {
            await rig.ledger.flush();
            rig = await rig.crash();
            if (generation > 0) await rig.accept(wanted(), "corrective");
          } else if (each.on === "theirs") {
            if (each.text === null) rig.files.take("/a");
            else rig.files.put("/a", { type: "file", text: each.text });
            await rig.clock.advance(0);
          }
          await rig.clock.advance(400_000);
          rig.reconciler.lookAtAll();
          await rig.clock.advance(400_000);
          const wrote = rig.files.writes > writes;
          if (now === null) continue;
          const { ownership, drift } = now.policy;
          const there = each.on === "theirs" ? each.text : (before ?? null);
          if (ownership === "observe") expect(wrote).toBe(false);
          if (ownership === "createOnly" && there !== null && there !== "") expect(wrote).toBe(false);
          if (ownership === "own" && !isMade && there !== null) expect(wrote).toBe(false);
          if (wrote) isMade = true;
          // What it took over without a write is its own as well.
          if ((ownership ?? "adopt") === "adopt") isMade = true;
          const isSo = rig.tree["/a"] === now.content;
          const { state } = rig.status("a");
          expect(isSo).toBe(state === "Ready");
          const isRepaired = (ownership ?? "adopt") === "adopt" && drift !== "report";
          if (change === "corrective" && isRepaired) expect(state).toBe("Ready");
          expect(rig.reconciler.observedGeneration).toBe(generation);
          expect(rig.logged.filter(({ message }) => message.startsWith("a bug"))).toEqual([]);
        }
      }),
      { numRuns: 300 },
    );
  });
});
