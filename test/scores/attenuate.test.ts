import { describe, expect, test } from "vitest";
import { attenuate } from "../../src/scores/attenuate.ts";
import { Cabinet, FakeCabinet } from "./drawer.ts";

const place = () => ({ Cabinet: new FakeCabinet({ a: "mine" }), Elsewhere: { erase: () => {} } });
const requires = [Cabinet];

/** A member of a port, as somebody would get at it who goes around the types. */
const member = (port: object | undefined, name: string): unknown =>
  port === undefined ? undefined : Reflect.get(port, name);

describe("of a place's ports, a Score gets", () => {
  test("those that it requires, and no other", () => {
    const { reads, full } = attenuate(requires, place());
    expect([Object.keys(reads), Object.keys(full)]).toEqual([["Cabinet"], ["Cabinet"]]);
  });

  test("none where it requires none", () => {
    expect(attenuate([], place())).toEqual({ reads: {}, full: {} });
  });

  test("the whole port itself to apply with", () => {
    const ports = place();
    expect(attenuate(requires, ports).full["Cabinet"]).toBe(ports.Cabinet);
  });

  test("nothing to write with while it observes, by no way around", () => {
    const { reads } = attenuate(requires, place());
    const { Cabinet: cabinet } = reads;
    const names = ["build", "label", "remove", "labels", "constructor", "__proto__"];
    expect(names.slice(0, 4).map((name) => member(cabinet, name))).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
    expect(Object.getPrototypeOf(cabinet)).toBe(Object.prototype);
    expect(Reflect.ownKeys(cabinet ?? {})).toEqual(["look"]);
  });

  test("views that cannot be changed, so that one Score leaves nothing behind for another", () => {
    const { reads, full } = attenuate(requires, place());
    expect([reads, full, reads["Cabinet"] ?? {}].map((view) => Object.isFrozen(view))).toEqual([true, true, true]);
  });
});

test("a reading method works on the port itself, with its state", async () => {
  const ports = place();
  const look = member(attenuate(requires, ports).reads["Cabinet"], "look");
  expect(typeof look === "function" ? await Reflect.apply(look, undefined, ["a"]) : "none").toBe("mine");
  ports.Cabinet.labels.set("a", "ours");
  expect(typeof look === "function" ? await Reflect.apply(look, undefined, ["a"]) : "none").toBe("ours");
});

test("views are made once for a kind and a place", () => {
  const ports = place();
  expect(attenuate(requires, ports)).toBe(attenuate(requires, ports));
  expect(attenuate(requires, place())).not.toBe(attenuate(requires, ports));
  expect(attenuate([Cabinet], ports)).not.toBe(attenuate(requires, ports));
});

test("a port that no adapter provides is named", () => {
  expect(() => attenuate(requires, { Elsewhere: {} })).toThrow("no adapter provides Cabinet");
});
