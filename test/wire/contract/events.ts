import { describe, expect, test } from "vitest";
import { AgentId } from "../../../src/wire/keys.ts";
import { bytes, freshKey, type Scene, settled, text, until } from "./scene.ts";

const freshAgent = (): AgentId => AgentId.parse(freshKey());
const position = (told: object): number =>
  "position" in told && typeof told.position === "number" ? told.position : 0;

/** What agents put on record. */
export function eventContract({ client, bare, rig }: Scene): void {
  describe("events", () => {
    test("what was told is read in order, by the agent's id and of all", async () => {
      const [store, reader] = [await client(), await client()];
      const [one, other] = [freshAgent(), freshAgent()];
      const first = await store.tellEvent(one, bytes("1"), "a");
      const second = await store.tellEvent(other, bytes("2"), "b");
      const third = await store.tellEvent(one, bytes("3"), "c");
      for (const told of [first, second, third]) expect(told).toMatchObject({ _tag: "Told", isNew: true });
      expect(position(first) < position(second) && position(second) < position(third)).toBe(true);
      const read = await Promise.all([
        reader.eventAt(one, 1),
        reader.eventAt(one, position(first) + 1),
        reader.eventAt("*", position(second)),
        reader.lastEvent(one),
        reader.lastEvent("*"),
      ]);
      const told = read.map((each) => (each._tag === "Event" ? [each.agentId, text(each.line), each.position] : each));
      const [ofFirst, ofSecond, ofThird] = [
        [one, "1", position(first)],
        [other, "2", position(second)],
        [one, "3", position(third)],
      ];
      expect(told).toEqual([ofFirst, ofThird, ofSecond, ofThird, ofThird]);
    });

    test("there is None where nothing was told, and none after the last", async () => {
      const [store, agent] = [await client(), freshAgent()];
      expect(await store.lastEvent(agent)).toEqual({ _tag: "None" });
      expect(await store.eventAt(agent, 1)).toEqual({ _tag: "None" });
      const told = await store.tellEvent(agent, bytes("1"), "a");
      expect(await store.eventAt(agent, position(told) + 1)).toEqual({ _tag: "None" });
    });

    test("what is told again is not stored again, and another agent's with the same hash is", async () => {
      const [store, one, other] = [await client(), freshAgent(), freshAgent()];
      const told = await store.tellEvent(one, bytes("1"), "same");
      expect(await store.tellEvent(one, bytes("1"), "same")).toEqual({
        _tag: "Told",
        position: position(told),
        isNew: false,
      });
      expect(await store.tellEvent(other, bytes("1"), "same")).toMatchObject({ _tag: "Told", isNew: true });
    });

    test("who listens is poked, and again after the connection was lost", async () => {
      const [store, listener, agent] = [await client(), await client(), freshAgent()];
      let pokes = 0;
      const stop = listener.onEvent(agent, () => (pokes += 1));
      await settled(listener);
      await store.tellEvent(agent, bytes("1"), "a");
      await until(async () => pokes > 0);
      const before = pokes;
      await rig().cut();
      await rig().restore();
      await until(async () => pokes > before);
      stop();
      expect(await listener.lastEvent(agent)).toMatchObject({ _tag: "Event" });
    });

    test("where no stream was made it is NoBucket", async () => {
      const [store, agent] = [await bare(), freshAgent()];
      const none = { _tag: "Unreachable", reason: "NoBucket" };
      expect(await store.tellEvent(agent, bytes("1"), "a")).toMatchObject(none);
      expect(await store.eventAt(agent, 1)).toMatchObject(none);
      expect(await store.lastEvent("*")).toMatchObject(none);
    });
  });
}
