import { capability, manifest, Score, topology } from "harmony-edge";
import { match } from "ts-pattern";
import * as z from "zod";

/** A capability, a kind and a topology of an author's own, without one type annotation too many. */

interface Lamp {
  state(): Promise<"on" | "off">;
  turn(to: "on" | "off"): Promise<void>;
}
const Lamp = capability<Lamp>()("Lamp", { reads: ["state"] });

/** A spec may hold all that travels: dates, big integers, sets and maps too. */
const spec = z.strictObject({
  name: z.string(),
  on: z.boolean().default(true),
  until: z.date().optional(),
  watts: z.bigint().nullable().default(null),
  rooms: z.set(z.string()).default(() => new Set<string>()),
  hours: z.map(z.string(), z.tuple([z.number(), z.number()])).default(() => new Map<string, [number, number]>()),
  meta: z.record(z.string(), z.array(z.union([z.string(), z.int()]))).optional(),
});

export class LampScore extends Score(
  "Lamp",
  {
    version: 2,
    requires: [Lamp],
    spec,
    observed: z.object({ state: z.enum(["on", "off"]) }),
    step: z.discriminatedUnion("do", [z.object({ do: z.literal("on") }), z.object({ do: z.literal("off") })]),
  },
  {
    identity: ({ name, hours, rooms }) => `lamp:${name}:${hours.get(name)?.[0] ?? 0}:${rooms.has(name)}`,
    observe: async (_, { Lamp: lamp }) => ({ state: await lamp.state() }),
    plan: ({ on }, { state }) => (on === (state === "on") ? [] : [{ do: on ? "on" : "off" }]),
    retire: (_, { state }) =>
      state === "off" ? [] : { obstructed: "the lamp is on", blame: "device", next: "Turn it off." },
    apply: (step, _, { Lamp: lamp }) =>
      match(step)
        .with({ do: "on" }, () => lamp.turn("on"))
        .with({ do: "off" }, () => lamp.turn("off"))
        .exhaustive(),
    deadlineMs: 1000,
  },
) {}

export const house = manifest(topology("House", [Lamp]), {
  kitchen: new LampScore({ name: "kitchen", rooms: new Set(["kitchen"]), watts: 40n, until: new Date(0) }),
  hall: new LampScore({ name: "hall", on: false }),
});
export const { kind, version }: { kind: "Lamp"; version: 2 } = LampScore;
