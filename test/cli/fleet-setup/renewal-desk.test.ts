import { beforeEach, describe, expect, test } from "vitest";
import { FleetDescription } from "../../../src/cli/fleet-setup/description.ts";
import { RenewalDesk } from "../../../src/cli/fleet-setup/renewal-desk.ts";
import { AgentId } from "../../../src/wire/keys.ts";
import { makeUserKey, type UserKeyPair } from "../../../src/wire/nats/nkey.ts";
import {
  askToConfirm,
  askToRenew,
  readRenewal,
  RenewalReply,
  type RenewalRequest,
  writeRenewal,
} from "../../../src/wire/renewal.ts";

const [PI_7, PI_8, PI_9] = [AgentId.parse("pi-7"), AgentId.parse("pi-8"), AgentId.parse("pi-9")];
const HOUR = 3_600_000;
const [present, next, others, role] = [makeUserKey(), makeUserKey(), makeUserKey(), makeUserKey().publicKey];

let fleet: FleetDescription;
let now = new Date();
let changes = 0;
let trouble: string | null = null;
let desk: RenewalDesk;

beforeEach(() => {
  now = new Date("2026-06-01T00:00:00.000Z");
  changes = 0;
  trouble = null;
  const since = new Date(now.getTime() - 70 * HOUR).toISOString();
  const notAfter = new Date(now.getTime() + 20 * HOUR).toISOString();
  const term = { acceptedAt: since, since, notAfter, lifeSeconds: 90 * 3600 };
  fleet = FleetDescription.parse({
    version: 1,
    listen: { address: "127.0.0.1", port: 4222 },
    hosts: ["localhost"],
    keys: { system: role, operator: role, author: role, viewer: role, dashboard: role },
    agents: {
      [PI_7]: { key: present.publicKey, ...term },
      [PI_8]: { key: others.publicKey, acceptedAt: since },
    },
  });
  desk = new RenewalDesk({
    read: async () => fleet,
    change: async (work) => {
      changes += 1;
      await new Promise((resolve) => setImmediate(resolve));
      fleet = work(fleet)?.fleet ?? fleet;
      return trouble === null ? fleet : { message: trouble };
    },
    now: () => now,
    say: () => {},
  });
});

const say = async (request: RenewalRequest, id = PI_7): Promise<RenewalReply> => {
  const reply = readRenewal(RenewalReply, await desk.handle(id, writeRenewal(request)));
  if (reply === null) throw new Error("no reply");
  return reply;
};
const challenge = async (id = PI_7): Promise<string> => {
  const standing = await say({ ask: "look" }, id);
  return standing._tag === "Standing" ? standing.challenge : standing.reason;
};
const tagOf = (reply: RenewalReply): string => (reply._tag === "Refused" ? reply.reason : reply._tag);
const renew = async (from: UserKeyPair, to: UserKeyPair, id = PI_7): Promise<string> =>
  tagOf(await say(askToRenew(id, from, to, await challenge(id)), id));

describe("a renewal", () => {
  test("that was said once cannot be said again, nor later, nor for another agent", async () => {
    const request = askToRenew(PI_7, present, next, await challenge());
    expect(tagOf(await say(request))).toBe("Standing");
    expect(tagOf(await say(request))).toBe("Stale");
    const late = askToConfirm(PI_7, next, await challenge());
    now = new Date(now.getTime() + 61_000);
    expect(tagOf(await say(late))).toBe("Stale");
    const mine = askToConfirm(PI_7, next, await challenge(PI_8));
    expect(tagOf(await say(mine, PI_8))).toBe("BadSignature");
  });

  test("is signed by both keys, and nobody has a key let in that he does not hold", async () => {
    const good = askToRenew(PI_7, present, next, await challenge());
    if (good.ask !== "renew") throw new Error("no renewal");
    const { from, to } = good.signatures;
    expect(tagOf(await say({ ...good, signatures: { from: to, to } }))).toBe("BadSignature");
    const again = await challenge();
    expect(tagOf(await say({ ...good, challenge: again }))).toBe("BadSignature");
    expect(tagOf(await say({ ...good, challenge: await challenge(), signatures: { from, to: from } }))).toBe(
      "BadSignature",
    );
    expect(fleet.agents[PI_7]?.next).toBeUndefined();
  });

  test("is for the present key of a device that is in, for one whose life has an end, and for a key that nobody has", async () => {
    expect(await renew(others, next)).toBe("NotIn");
    expect(await renew(present, others)).toBe("Taken");
    expect(await renew(present, present)).toBe("Taken");
    expect(await renew(others, next, PI_8)).toBe("NoEnd");
    expect(await challenge(PI_9)).toBe("NotIn");
    expect(tagOf(await say(askToConfirm(PI_7, next, await challenge())))).toBe("NotIn");
    expect(readRenewal(RenewalReply, await desk.handle(PI_7, Buffer.from("{")))).toMatchObject({ reason: "Malformed" });
  });

  test("is not had as often as one likes, since each has the server read its configuration", async () => {
    expect(await renew(present, next)).toBe("Standing");
    expect(await renew(present, makeUserKey())).toBe("TooEarly");
    expect(tagOf(await say(askToConfirm(PI_7, next, await challenge())))).toBe("Standing");
    expect(fleet.agents[PI_7]).toMatchObject({
      key: next.publicKey,
      notAfter: new Date(now.getTime() + 90 * HOUR).toISOString(),
    });
    expect(await renew(next, makeUserKey())).toBe("TooEarly");
    expect(await renew(present, makeUserKey())).toBe("NotIn");
  });

  test("of many at once costs the server few readings, and one that it could not be told is not told as done", async () => {
    const many = Array.from({ length: 6 }, (_, at) => ({
      id: AgentId.parse(`many-${at}`),
      pair: makeUserKey(),
      to: makeUserKey(),
    }));
    const { since = "", notAfter = "", lifeSeconds = 1 } = fleet.agents[PI_7] ?? {};
    for (const { id, pair } of many) {
      fleet = {
        ...fleet,
        agents: { ...fleet.agents, [id]: { key: pair.publicKey, acceptedAt: since, since, notAfter, lifeSeconds } },
      };
    }
    const asked = await Promise.all(many.map(async (each) => ({ each, text: await challenge(each.id) })));
    const replies = asked.map(({ each, text }) => say(askToRenew(each.id, each.pair, each.to, text), each.id));
    expect((await Promise.all(replies)).map(tagOf)).toEqual(many.map(() => "Standing"));
    expect(changes).toBeLessThan(many.length);
    trouble = "the server cannot be asked";
    expect(await renew(present, next)).toBe("Failed");
  });
});
