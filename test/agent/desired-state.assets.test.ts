import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { assetEnvelope } from "../../src/wire/encode.ts";
import { PAYLOAD_LIMIT_BYTES } from "../../src/wire/envelope.ts";
import { payloadOf } from "./support/manifests.ts";
import { sealPayload } from "../../src/wire/sealed-payload.ts";
import { follow, generations, lastReading, wanted } from "./support/follower.ts";

describe("a payload among the assets", () => {
  const asAsset = (payload: Uint8Array) => assetEnvelope(createHash("sha256").update(payload).digest("hex"), []);

  test("is read from there", async () => {
    const it = follow();
    const payload = Buffer.from(payloadOf(wanted(1)));
    await it.operator.putAsset(payload);
    await it.put(asAsset(payload));
    await it.start();
    expect(generations(it)).toEqual([1]);
  });

  test("that is enciphered is opened with the key in the envelope, and with no other", async () => {
    const it = follow();
    const { sealed, key } = sealPayload(Buffer.from(payloadOf(wanted(1))));
    const stored = await it.operator.putAsset(sealed);
    const sha256 = stored._tag === "Stored" ? stored.sha256 : "";
    await it.put(assetEnvelope(sha256, [], sealPayload(sealed).key));
    await it.start();
    expect(lastReading(it)).toMatchObject({
      _tag: "Refused",
      refusal: { reason: "Malformed", message: expect.stringContaining("the envelope's key") },
    });
    await it.put(assetEnvelope(sha256, [], key));
    expect(generations(it)).toEqual([1]);
  });

  test("that is missing is told, and taken up as soon as it is there", async () => {
    const it = follow();
    const payload = Buffer.from(payloadOf(wanted(1)));
    await it.put(asAsset(payload));
    await it.start();
    expect(lastReading(it)).toMatchObject({ _tag: "Refused", refusal: { reason: "MissingPayload" } });
    await it.clock.advance(10_000);
    await it.operator.putAsset(payload);
    await it.clock.advance(15_000);
    expect(generations(it)).toEqual([1]);
  });

  test("that is damaged is told as missing", async () => {
    const it = follow();
    const payload = Buffer.from(payloadOf(wanted(1)));
    it.server.assets.set(createHash("sha256").update(payload).digest("hex"), Buffer.from("something else"));
    await it.put(asAsset(payload));
    await it.start();
    expect(lastReading(it)).toMatchObject({
      refusal: { reason: "MissingPayload", message: expect.stringContaining("damaged") },
    });
  });

  test("that is too large, or no UTF-8, is refused without being taken apart", async () => {
    const it = follow();
    const large = Buffer.alloc(PAYLOAD_LIMIT_BYTES + 1, 0x20);
    await it.operator.putAsset(large);
    await it.put(asAsset(large));
    await it.start();
    expect(lastReading(it)).toMatchObject({ refusal: { reason: "TooLarge" } });
    const odd = Buffer.from(payloadOf(wanted(1)).replace('"x"', '"\xff"'), "latin1");
    await it.operator.putAsset(odd);
    await it.put(asAsset(odd));
    expect(lastReading(it)).toMatchObject({
      refusal: { reason: "Malformed", message: expect.stringContaining("UTF-8") },
    });
    expect(it.manifests).toEqual([]);
  });

  test("in assets that do not answer is asked for again, and tells nothing", async () => {
    const it = follow();
    const payload = Buffer.from(payloadOf(wanted(1)));
    await it.operator.putAsset(payload);
    await it.put(asAsset(payload));
    it.store.fail("before", { only: ["getAsset"], times: 3 });
    await it.start();
    expect(it.seen).toEqual([]);
    await it.clock.advance(10_000);
    expect(generations(it)).toEqual([1]);
  });
});
