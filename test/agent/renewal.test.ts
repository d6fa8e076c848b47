import * as fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import { Keyring, KEYS } from "../../src/agent/keyring.ts";
import { Renewal } from "../../src/agent/renewal.ts";
import { FleetDescription } from "../../src/cli/fleet-setup/description.ts";
import { accept, revoke } from "../../src/cli/fleet-setup/membership.ts";
import { RenewalDesk } from "../../src/cli/fleet-setup/renewal-desk.ts";
import { endKeys } from "../../src/cli/fleet-setup/renewing.ts";
import { AgentId } from "../../src/wire/keys.ts";
import { credentialsFile, readCredentials } from "../../src/wire/nats/credentials.ts";
import { makeUserKey } from "../../src/wire/nats/nkey.ts";
import type { Reply, Unreachable } from "../../src/wire/store.ts";
import { FakeClock, settle } from "../../src/testing/fake-clock.ts";
import { MemoryDisk } from "./support/memory-disk.ts";

const ID = AgentId.parse("pi-7");
const HOUR = 3_600_000;
/** In seconds. Ninety hours, which is a life as good as ninety days, and is looked at fewer times. */
const LIFE = 90 * 3600;
const role = makeUserKey().publicKey;

/** A fleet in memory with one device, whose desk works as the real one; what stands between can be cut. */
class World {
  readonly clock = new FakeClock();
  readonly said: string[] = [];
  readonly enrolled = makeUserKey();
  disk = new MemoryDisk();
  fleet: FleetDescription;
  /** Told of each thing that the agent does to the world, before and after; what it throws is where the power goes. */
  at: (point: string) => void = () => {};
  link: "up" | "nobody" | "denied" | "down" = "up";
  /** The key by which the agent is connected; null: the server refused all that it has. */
  connectedBy: string | null = null;
  #desk: RenewalDesk;
  #renewal: Renewal | null = null;

  constructor(lifeSeconds: number | null = LIFE) {
    const empty = FleetDescription.parse({
      version: 1,
      listen: { address: "127.0.0.1", port: 4222 },
      hosts: ["localhost"],
      keys: { system: role, operator: role, author: role, viewer: role, dashboard: role },
      agents: {},
    });
    const how = { replace: false, pair: undefined, lifeSeconds, now: this.clock.now() };
    const accepted = accept(empty, { id: ID, key: this.enrolled.publicKey }, how);
    if (accepted._tag !== "Changed") throw new Error(accepted._tag);
    this.fleet = accepted.fleet;
    this.#desk = this.#newDesk();
  }

  #newDesk(): RenewalDesk {
    return new RenewalDesk({
      read: async () => this.fleet,
      change: async (work) => (this.fleet = work(this.fleet)?.fleet ?? this.fleet),
      now: () => this.clock.now(),
      say: (line) => this.said.push(line),
    });
  }

  /** The server's own process starts anew. */
  restartDesk(): void {
    this.#desk = this.#newDesk();
  }

  get letIn(): readonly string[] {
    const member = this.fleet.agents[ID];
    if (member === undefined) return [];
    return [...(member.ended ? [] : [member.key]), ...(member.next === undefined ? [] : [member.next.key])];
  }

  /** Whether the server would take one of the device's keys, as its disk is now, and lets in none that the device does not have. */
  async canGetIn(): Promise<boolean> {
    const ring = await Keyring.open(this.disk.copy(), credentialsFile(this.enrolled.seed, null), () => {});
    const keys: readonly string[] = (ring?.credentials() ?? []).flatMap(
      (each) => readCredentials(each).pair?.publicKey ?? [],
    );
    const isNewestThere = this.letIn.at(-1) !== undefined && keys.includes(this.letIn.at(-1) ?? "");
    return isNewestThere && keys.some((each) => this.letIn.includes(each));
  }

  async start(random = 0.5): Promise<Renewal> {
    await this.crash();
    const keyring = await Keyring.open(this.disk, credentialsFile(this.enrolled.seed, null), (line) =>
      this.said.push(line),
    );
    if (keyring === null) throw new Error("no keyring");
    const disk = this.disk;
    const dead = (): boolean => this.#renewal !== renewal;
    const point = (name: string): void => {
      if (dead()) throw new Error("this process is no more");
      this.at(name);
    };
    const replace = disk.replace.bind(disk);
    disk.replace = async (name, bytes) => {
      point(`before keeping`);
      await replace(name, bytes);
      point(`after keeping`);
    };
    const connect = (creds: string): Unreachable | null => {
      const key = readCredentials(creds).pair?.publicKey ?? "";
      if (!this.letIn.includes(key)) {
        return { _tag: "Unreachable", reason: "Denied", message: "Authorization Violation" };
      }
      this.connectedBy = key;
      return null;
    };
    const renewal: Renewal = new Renewal({
      agentId: ID,
      keyring,
      clock: this.clock,
      random: () => random,
      log: (message) => this.said.push(message),
      switchTo: async (creds) => {
        point("before connecting");
        const trouble = connect(creds);
        point("after connecting");
        return trouble;
      },
      store: {
        onConnection: (listener) => {
          listener("connected");
          return () => {};
        },
        request: async (subject, value): Promise<Reply | Unreachable> => {
          if (subject !== "fleet.renew.pi-7") throw new Error(`nobody is asked on ${subject}`);
          const { ask }: { ask: string } = JSON.parse(Buffer.from(value).toString());
          point(`before ${ask}`);
          if (this.connectedBy === null || !this.letIn.includes(this.connectedBy) || this.link === "down") {
            return { _tag: "Unreachable", reason: "Disconnected", message: "not connected" };
          }
          if (this.link === "nobody") return { _tag: "NobodyThere" };
          if (this.link === "denied") return { _tag: "Unreachable", reason: "Denied", message: "no grant" };
          const reply = await this.#desk.handle(ID, value);
          point(`after ${ask}`);
          return { _tag: "Reply", value: reply };
        },
      },
    });
    this.#renewal?.stop();
    this.#renewal = renewal;
    this.connectedBy = null;
    for (const creds of keyring.credentials()) if (connect(creds) === null) break;
    renewal.start();
    await settle();
    return renewal;
  }

  /** For `at`: nothing of this process has any effect from here on. */
  cut(): never {
    this.#renewal?.stop();
    this.#renewal = null;
    throw new Error("power cut");
  }

  /** The power goes: what was not on the disk is gone. */
  async crash(): Promise<void> {
    this.#renewal?.stop();
    this.#renewal = null;
    const disk = this.disk.copy();
    await settle();
    this.disk = disk;
  }

  /** Time passes, in steps in which the server ends what is over. */
  async pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= HOUR) {
      await this.clock.advance(Math.min(left, HOUR));
      this.fleet = endKeys(this.fleet, this.clock.now())?.fleet ?? this.fleet;
    }
    await settle();
  }
}

let world: World;
beforeEach(() => (world = new World()));

const keyNow = (): string => world.fleet.agents[ID]?.key ?? "";

describe("the key of a device", () => {
  test("is renewed at two thirds of its life, again and again, and is told when it ends", async () => {
    const renewal = await world.start();
    expect(renewal.report).toMatchObject({ renewal: "on", notAfter: "2026-01-04T18:00:00.000Z" });
    await world.pass(59 * HOUR);
    expect(keyNow()).toBe(world.enrolled.publicKey);
    await world.pass(2 * HOUR);
    expect(keyNow()).not.toBe(world.enrolled.publicKey);
    expect(world.letIn).toEqual([world.connectedBy]);
    await world.pass(300 * HOUR);
    expect(await world.canGetIn()).toBe(true);
    expect(renewal.report).toMatchObject({ renewal: "on" });
    expect(world.said.filter((line) => line === "the key was renewed").length).toBe(6);
    expect(world.said.filter((line) => line.includes("has ended,"))).toEqual([]);
  });

  test("of a fleet that was enrolled in one hour is not renewed in one", async () => {
    const due = async (random: number): Promise<number> => {
      world = new World();
      await world.start(random);
      let hours = 0;
      while (keyNow() === world.enrolled.publicKey) {
        await world.pass(HOUR);
        hours += 1;
      }
      return hours;
    };
    expect([await due(0), await due(1)]).toEqual([56, 65]);
  });

  test("without an end is left as it is, and so is one where nobody renews, which is said", async () => {
    world = new World(null);
    expect((await world.start()).report).toMatchObject({ renewal: "none", notAfter: null });
    await world.pass(400 * HOUR);
    expect(keyNow()).toBe(world.enrolled.publicKey);
    for (const link of ["nobody", "denied"] as const) {
      world.link = link;
      expect((await world.start()).report).toMatchObject({ renewal: "off", notAfter: null });
    }
    expect(world.disk.files.has(KEYS)).toBe(false);
  });

  test("of a device that was away for too long has ended; enrolled anew it is back, and the former keys are forgotten", async () => {
    await world.start();
    await world.pass(61 * HOUR);
    await world.crash();
    await world.pass(91 * HOUR);
    expect(world.letIn).toEqual([]);
    expect(world.fleet.agents[ID]).toMatchObject({ ended: true });
    const anew = makeUserKey();
    const how = { replace: true, pair: undefined, lifeSeconds: LIFE, now: world.clock.now() };
    const accepted = accept(world.fleet, { id: ID, key: anew.publicKey }, how);
    if (accepted._tag !== "Changed") throw new Error(accepted._tag);
    world.fleet = accepted.fleet;
    const ring = await Keyring.open(world.disk, credentialsFile(anew.seed, null), () => {});
    expect(ring?.credentials()).toEqual([credentialsFile(anew.seed, null)]);
  });

  test("of a device that was revoked is not renewed, also not in the middle of it", async () => {
    await world.start();
    world.at = (point) => {
      if (point !== "before confirm") return;
      const revoked = revoke(world.fleet, ID);
      if (revoked._tag === "Changed") world.fleet = revoked.fleet;
    };
    await world.pass(80 * HOUR);
    expect(world.fleet.agents).toEqual({});
    expect(world.letIn).toEqual([]);
  });

  test("can be had by a fleet that came back from an older copy of itself", async () => {
    await world.start();
    await world.pass(55 * HOUR);
    const copy = world.fleet;
    await world.pass(10 * HOUR);
    const renewed = keyNow();
    expect(renewed).not.toBe(world.enrolled.publicKey);
    await world.crash();
    world.fleet = copy;
    expect(await world.canGetIn()).toBe(true);
    await world.start();
    await settle();
    expect(keyNow()).toBe(renewed);
    expect(world.connectedBy).toBe(renewed);
  });

  test("on a disk that is full stays the present one, and is renewed when there is room", async () => {
    const renewal = await world.start();
    world.disk.fail("NoSpace");
    await world.pass(62 * HOUR);
    expect([keyNow(), renewal.report.renewal]).toEqual([world.enrolled.publicKey, "failing"]);
    world.disk.heal();
    await world.pass(2 * HOUR);
    expect([keyNow() === world.enrolled.publicKey, renewal.report.renewal]).toEqual([false, "on"]);
  });
});

/** Every point at which the power can go. */
const POINTS = [
  "before keeping",
  "after keeping",
  "before renew",
  "after renew",
  "before connecting",
  "after connecting",
  "before look",
  "after look",
  "before confirm",
  "after confirm",
];

test.each(POINTS)("a power cut %s locks nobody out, and the renewal goes on", async (point) => {
  // The first of these is passed at the start, the next ones while it is renewed.
  for (const nth of [1, 2, 3]) {
    world = new World();
    let seen = 0;
    let isCut = false;
    await world.start();
    world.at = (each) => {
      if (each !== point || isCut) return;
      seen += 1;
      if (seen < nth) return;
      isCut = true;
      world.cut();
    };
    await world.pass(61 * HOUR);
    await world.crash();
    expect(await world.canGetIn()).toBe(true);
    await world.start();
    await world.pass(20 * HOUR);
    expect(await world.canGetIn()).toBe(true);
    expect(keyNow()).not.toBe(world.enrolled.publicKey);
    expect(world.letIn).toEqual([world.connectedBy]);
  }
});

test("whatever goes wrong and whenever, a device that is not revoked and comes back in time can always get in", async () => {
  const event = fc.oneof(
    fc.record({ do: fc.constant("pass" as const), hours: fc.integer({ min: 1, max: 20 }) }),
    fc.record({ do: fc.constant("cut" as const), point: fc.constantFrom(...POINTS), after: fc.nat({ max: 3 }) }),
    fc.record({ do: fc.constant("desk" as const) }),
    fc.record({
      do: fc.constant("link" as const),
      to: fc.constantFrom("up" as const, "down" as const, "nobody" as const),
    }),
    fc.record({ do: fc.constant("disk" as const), times: fc.nat({ max: 3 }) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(event, { maxLength: 12 }), async (events) => {
      world = new World();
      await world.start();
      for (const each of events) {
        if (each.do === "pass") await world.pass(each.hours * HOUR);
        else if (each.do === "desk") world.restartDesk();
        else if (each.do === "link") world.link = each.to;
        else if (each.do === "disk") world.disk.fail("Failed", { times: each.times });
        else {
          let left = each.after;
          world.at = (point) => {
            if (point !== each.point || left-- > 0) return;
            world.cut();
          };
          await world.pass(HOUR);
          await world.crash();
          world.at = () => {};
          await world.start();
        }
        // Out of reach for a third of its life it ends, and that is meant.
        if (world.fleet.agents[ID]?.ended) return;
        expect(await world.canGetIn()).toBe(true);
      }
      world.link = "up";
      world.disk.heal();
      await world.start();
      await world.pass(30 * HOUR);
      expect(world.letIn).toEqual([world.connectedBy]);
    }),
    { numRuns: 15 },
  );
});
