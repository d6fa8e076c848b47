import * as fc from "fast-check";
import { expect, test } from "vitest";
import { type Module, sharesOf } from "../../../src/cli/bundle/shares.ts";

const modules = (all: Readonly<Record<string, readonly [bytes: number, ...imports: string[]]>>) =>
  new Map(Object.entries(all).map(([path, [bytes, ...imports]]): [string, Module] => [path, { bytes, imports }]));

test("a module is its part's where one part alone reaches it, the core's where the core does, else shared", () => {
  const shares = sharesOf(
    modules({
      agent: [100, "zod"],
      zod: [50],
      file: [10, "paths", "zod"],
      motd: [7, "all", "paths", "motd-text"],
      "motd-text": [3],
      paths: [5],
      // Hands on everything, and is no reason for a kind to count what it never asked for.
      all: [1, "file", "motd", "podman"],
      podman: [0],
    }),
    {
      total: 200,
      core: ["agent"],
      parts: new Map([
        ["File@1", ["file"]],
        ["Motd@1", ["motd"]],
      ]),
      through: new Set(["all"]),
    },
  );
  expect([...shares.own]).toEqual([
    ["File@1", 10],
    ["Motd@1", 10],
  ]);
  expect(shares).toMatchObject({ shared: 6, core: 174 });
});

test("whatever imports what, also in circles: all bytes are told once", () => {
  const names = ["a", "b", "c", "d", "e", "f"];
  const graph = fc.record(
    Object.fromEntries(
      names.map((name) => [
        name,
        fc.record({ bytes: fc.nat(1000), imports: fc.array(fc.constantFrom(...names, "elsewhere"), { maxLength: 4 }) }),
      ]),
    ),
  );
  fc.assert(
    fc.property(graph, fc.subarray(names), fc.subarray(names), fc.nat(500), (made, one, other, glue) => {
      const all = new Map(Object.entries(made));
      const total = [...all.values()].reduce((sum, { bytes }) => sum + bytes, glue);
      const parts = new Map([
        ["one", one],
        ["other", other],
      ]);
      const { own, shared, core } = sharesOf(all, { total, core: ["a"], parts, through: new Set(["b"]) });
      expect([...own.values()].reduce((sum, bytes) => sum + bytes, shared + core)).toBe(total);
      expect(core).toBeGreaterThanOrEqual(glue + (all.get("a")?.bytes ?? 0));
    }),
  );
});
