import * as fc from "fast-check";
import { expect, test } from "vitest";
import { type PullEvent, pullFailed, PullStream } from "../../../src/agent/adapters/pull-stream.ts";

const read = (chunks: readonly Uint8Array[]): readonly PullEvent[] => {
  const stream = new PullStream();
  return [...chunks.flatMap((chunk) => stream.push(chunk)), ...stream.end()];
};

const SENT =
  '{"stream":"Trying to pull 127.0.0.1:5000/bücher:1...\\n"}\n{"stream":"\\n"}\nno json\n[]\n' +
  '{"images":["0ad8"],"id":"0ad8"}\n{"error":"manifest unknown"}';
const READ: readonly PullEvent[] = [
  { _tag: "Progress", line: "Trying to pull 127.0.0.1:5000/bücher:1..." },
  { _tag: "Done", id: "0ad8" },
  { _tag: "Failed", why: "manifest unknown" },
];

test("what podman sends is read alike however it is cut, and what is no event is passed over", () => {
  const bytes = new TextEncoder().encode(SENT);
  fc.assert(
    fc.property(fc.array(fc.nat(bytes.length), { maxLength: 8 }), (cuts) => {
      const at = [0, ...cuts.toSorted((a, b) => a - b), bytes.length];
      expect(read(at.slice(1).map((end, index) => bytes.slice(at[index], end)))).toEqual(READ);
    }),
  );
});

test("no bytes break it", () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 64 })), (chunks) => {
      expect(() => read(chunks)).not.toThrow();
    }),
  );
});

// Podman 5.4's own words.
test.each([
  ["initializing source docker://a/b:9: reading manifest 9 in a/b: manifest unknown", "NotFound", "author"],
  [
    'pinging container registry a: Get "https://a/v2/": dial tcp 1.2.3.4:443: connect: connection refused',
    "Unavailable",
    "device",
  ],
  [
    'pinging container registry a: Get "https://a/v2/": dial tcp: lookup a on 127.0.0.53:53: no such host',
    "Unavailable",
    "device",
  ],
  ["reading manifest 1 in a/b: unauthorized: authentication required", "NotPermitted", "device"],
  ["writing blob: storing blob to file: write /var/tmp/1: no space left on device", "NoSpace", "device"],
  ["something new", "Failed", "device"],
])("%s: %s", (why, code, blame) => {
  const { problem } = pullFailed("a/b:9", why);
  expect(problem).toMatchObject({ code, blame, message: expect.stringContaining("Pulling a/b:9 failed") });
  expect(problem.message).toContain(why);
});
