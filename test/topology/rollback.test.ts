import { FileScore, InvalidManifest, manifest, PiTopology } from "harmony-edge";
import { expect, test } from "vitest";
import { encode } from "../../src/wire/encode.ts";
import { AgentId } from "../../src/wire/keys.ts";

const scores = { motd: new FileScore({ path: "/etc/motd", content: "" }) };
const sent = (given: ReturnType<typeof manifest>, retryFailed?: boolean): unknown => {
  const agentId = AgentId.parse("pi-7");
  const encoded = encode(given, { agentId, generation: 1, issuedAt: new Date(0), retryFailed });
  return encoded._tag === "Encoded" ? JSON.parse(encoded.payload) : encoded;
};

test("that a manifest is taken back where it fails travels with it, with its time", () => {
  expect(sent(manifest(PiTopology, scores, { rollbackOnFailure: true }))).toMatchObject({
    rollbackOnFailure: { withinSeconds: 300 },
  });
  expect(sent(manifest(PiTopology, scores, { rollbackOnFailure: { withinSeconds: 10 } }), true)).toMatchObject({
    rollbackOnFailure: { withinSeconds: 10 },
    retryFailed: true,
  });
});

test("the bytes of one that does not ask for it hold nothing of it, so that older agents read them", () => {
  for (const plain of [manifest(PiTopology, scores), manifest(PiTopology, scores, { rollbackOnFailure: false })]) {
    expect(sent(plain)).not.toHaveProperty("rollbackOnFailure");
    expect(sent(plain)).not.toHaveProperty("retryFailed");
  }
});

test.each([0, 9, 10.5, 86_401])("%s seconds are refused", (withinSeconds) => {
  expect(() => manifest(PiTopology, scores, { rollbackOnFailure: { withinSeconds } })).toThrow(InvalidManifest);
});
