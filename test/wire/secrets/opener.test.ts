import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { PortError } from "../../../src/capabilities/port-error.ts";
import { FileScore, KINDS } from "../../../src/scores/index.ts";
import { secret } from "../../../src/scores/secret.ts";
import { PiTopology } from "../../../src/topology/pi.ts";
import { decodePayload, type DecodedScore, type Gate } from "../../../src/wire/decode.ts";
import { encodeScore } from "../../../src/wire/encode.ts";
import type { WireScore } from "../../../src/wire/envelope.ts";
import { AgentId } from "../../../src/wire/keys.ts";
import { makeKeyPair } from "../../../src/wire/secrets/hpke.ts";
import { Opener, type SecretUse } from "../../../src/wire/secrets/opener.ts";
import { keyIdOf, sealFor, sealingKeyOf } from "../../../src/wire/secrets/sealed.ts";

const agentId = AgentId.parse("pi-7");
const pair = makeKeyPair();
const own = new Map([[keyIdOf(sealingKeyOf(pair)), pair]]);
const sealed = (text: string, name = "psk", to = pair) =>
  sealFor(Buffer.from(text), [sealingKeyOf(to)], { agentId, name });
const score = new FileScore({ path: "/etc/psk", content: secret("psk") });
const ref = { secret: "psk" };

describe("the gate", () => {
  const opener = new Opener({ agentId, keys: () => own });
  const gate: Gate = { agentId, kinds: KINDS, topology: PiTopology, trustedKeys: new Map(), opener };
  const decode = (wire: WireScore, at: Gate = gate): DecodedScore | undefined => {
    const scores = { psk: wire, motd: encodeScore(new FileScore({ path: "/etc/motd", content: "" })) };
    const payload = JSON.stringify({ agentId, generation: 1, issuedAt: "2026-11-23T08:00:00.000Z", scores });
    const decoded = decodePayload(payload, [], at, null);
    if (decoded._tag === "Refused") throw new Error(decoded.refusal.message);
    // The others go on.
    expect(decoded.manifest.scores.get("motd")?._tag).toBe("Score");
    return decoded.manifest.scores.get("psk");
  };
  const wire = (secrets: WireScore["secrets"]): WireScore => ({ ...encodeScore(score), ...(secrets && { secrets }) });
  const refusal = (wired: WireScore, at?: Gate) => {
    const decoded = decode(wired, at);
    return decoded?._tag === "Refused" ? decoded.refusal : decoded?._tag;
  };

  test("takes a Score whose secrets it can open", () => {
    expect(refusal(wire({ psk: sealed("correct horse") }))).toBe("Score");
  });

  test("refuses by name what was not shipped, is for another device, or is damaged, and tells nothing of it", () => {
    expect(refusal(wire(undefined))).toEqual({
      reason: "SecretMissing",
      message: 'the secret "psk" was not shipped with the manifest',
    });
    const other = makeKeyPair();
    expect(refusal(wire({ psk: sealed("correct horse", "psk", other) }))).toEqual({
      reason: "SecretNotForThisDevice",
      message: `the secret "psk" is sealed for the key ${keyIdOf(sealingKeyOf(other))}; this device has ${[...own.keys()].join(", ")}`,
    });
    expect(refusal(wire({ psk: sealed("correct horse", "other") }))).toMatchObject({ reason: "SecretDamaged" });
    const { opener: _, ...without } = gate;
    expect(refusal(wire({ psk: sealed("x") }), without)).toMatchObject({ reason: "SecretNotForThisDevice" });
  });

  test("refuses a secret that the spec does not refer to", () => {
    expect(refusal(wire({ psk: sealed("x"), more: sealed("y", "more") }))).toMatchObject({ reason: "MalformedScore" });
  });

  test("takes another sealing of the same secret for a change, and the same one for none", () => {
    const first = wire({ psk: sealed("x") });
    const digest = (of: WireScore) => {
      const decoded = decode(of);
      return decoded?._tag === "Score" ? decoded.digest : null;
    };
    expect(digest(first)).toBe(digest(structuredClone(first)));
    expect(digest(first)).not.toBe(digest(wire({ psk: sealed("x") })));
  });
});

describe("what a Score is handed", () => {
  const uses: SecretUse[] = [];
  const onUse = async (use: SecretUse): Promise<void> => void uses.push(use);
  const opener = new Opener({ agentId, keys: () => own, onUse });
  const secrets = opener.of("wifi", { psk: sealed("correct horse") });
  const hash = (text: string): string => createHash("sha256").update(text).digest("hex");

  test("compares, which nobody is told, and opens for as long as it is worked with, which is told", async () => {
    uses.length = 0;
    expect(secrets.matches(ref, hash("correct horse"))).toBe(true);
    expect(secrets.matches(ref, hash("correct"))).toBe(false);
    expect(secrets.matches(ref, null)).toBe(false);
    expect(uses).toEqual([]);
    let kept: Uint8Array = Buffer.of();
    expect(await secrets.use(ref, (bytes) => Buffer.from((kept = bytes)).toString())).toBe("correct horse");
    expect(Buffer.from(kept)).toEqual(Buffer.alloc(13));
    expect(uses).toEqual([{ scoreId: "wifi", secret: "psk" }]);
  });

  test("is handed out once that is on record, and not at all where it cannot be", async () => {
    let recorded = (): void => {};
    const isRecorded = new Promise<void>((resolve) => (recorded = resolve));
    const order: string[] = [];
    const waiting = new Opener({
      agentId,
      keys: () => own,
      onUse: () => isRecorded.then(() => void order.push("told")),
    });
    const used = waiting.of("wifi", { psk: sealed("x") }).use(ref, () => order.push("used"));
    await new Promise(setImmediate);
    expect(order).toEqual([]);
    recorded();
    await used;
    expect(order).toEqual(["told", "used"]);

    const full = new PortError({ code: "NoSpace", message: "full", blame: "device", next: "Make room." });
    const refusing = new Opener({ agentId, keys: () => own, onUse: () => Promise.reject(full) });
    const refused = refusing.of("wifi", { psk: sealed("x") }).use(ref, () => expect.unreachable());
    await expect(refused).rejects.toMatchObject({ problem: { code: "NoSpace", message: "full" } });
  });

  test("is wiped once what was waited for is over, and not before", async () => {
    let kept: Uint8Array = Buffer.of();
    let go = (): void => {};
    const work = secrets.use(ref, async (bytes) => {
      kept = bytes;
      await new Promise<void>((resolve) => (go = resolve));
      return Buffer.from(bytes).toString();
    });
    await new Promise(setImmediate);
    expect(Buffer.from(kept).toString()).toBe("correct horse");
    go();
    expect(await work).toBe("correct horse");
    expect(Buffer.from(kept)).toEqual(Buffer.alloc(13));
  });

  test("is taken out of what is thrown meanwhile", async () => {
    const failing = (message: string): PortError =>
      new PortError({ code: "Failed", message, blame: "device", next: "none" });
    await expect(
      secrets.use(ref, () => {
        throw failing("no user correct horse here, nor Y29ycmVjdCBob3Jz");
      }),
    ).rejects.toMatchObject({ problem: { code: "Failed", message: "no user [redacted] here, nor [redacted]" } });
    await expect(
      secrets.use(ref, async () => {
        throw new Error("bug with correct%20horse");
      }),
    ).rejects.toThrow(/^bug with \[redacted\]$/);
  });

  test("rejects where it cannot be opened any more", async () => {
    const lost = new Opener({ agentId, keys: () => new Map() }).of("wifi", { psk: sealed("x") });
    expect(lost.opens(ref)).toBe(false);
    expect(lost.matches(ref, hash("x"))).toBe(false);
    await expect(lost.use(ref, () => 1)).rejects.toThrow(PortError);
    expect(secrets.opens(ref)).toBe(true);
    expect(secrets.opens({ secret: "none" })).toBe(false);
  });
});
