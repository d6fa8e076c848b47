import * as fc from "fast-check";
import { expect, it } from "vitest";
import type { Attributes } from "../../../src/capabilities/index.ts";
import type { FakeEntry } from "../../../src/testing/fake-file-system.ts";
import { fakeStage } from "../../capabilities/file-system-host/fake-stage.ts";
import { AGENT_IS_ROOT, realStage } from "../../capabilities/file-system-host/real-stage.ts";
import { refusal, text, type Stage } from "../../capabilities/file-system-host/stage.ts";

const because = AGENT_IS_ROOT ? "" : " (skipped: needs root, who may do everything as in the fake)";

/** Few names, so that operations meet; one of them is the temporary name of another. */
const names = ["/a", "/a/b", "/a/b/c", "/d", "/d/b"];
const somewhere = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom(...names) },
  { weight: 1, arbitrary: fc.constantFrom("/.a.harmony-new", "/a/.b.harmony-new") },
);
const anywhere = fc.oneof({ weight: 15, arbitrary: somewhere }, { weight: 1, arbitrary: fc.constant("/") });
const content = fc.constantFrom("", "x", "hello\n", "é".repeat(40_000));
const accounts = [undefined, "root", "alice", "54321"];
const known: fc.Arbitrary<Attributes> = fc.record({
  mode: fc.constantFrom(undefined, "0700", "0755", "2770", "4711", "7777"),
  owner: fc.constantFrom(...accounts),
  group: fc.constantFrom(...accounts),
});
const attributes: fc.Arbitrary<Attributes> = fc.oneof(
  { weight: 15, arbitrary: known },
  { weight: 1, arbitrary: fc.constantFrom({ owner: "nobody knows" }, { mode: "644" }) },
);
const entry: fc.Arbitrary<FakeEntry> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.tuple(content, known).map(([put, owned]) => ({ type: "file", text: put, ...owned }) as const),
  },
  { weight: 8, arbitrary: known.map((owned) => ({ type: "directory", ...owned }) as const) },
  {
    weight: 3,
    arbitrary: fc.constantFrom("/d", "b", "..", "/nowhere").map((target) => ({ type: "link", target }) as const),
  },
  { weight: 1, arbitrary: fc.constant({ type: "special" } as const) },
);

type Operation = (stage: Stage) => unknown;

const named = (name: string, operation: Operation): Operation => Object.assign(operation, { toString: () => name });

const operation: fc.Arbitrary<Operation> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc
      .tuple(anywhere, fc.constantFrom(undefined, 0, 6, 100_000))
      .map(([path, hashUpTo]) =>
        named(`inspect ${path}`, ({ host }) => host.inspect(path, hashUpTo === undefined ? {} : { hashUpTo })),
      ),
  },
  {
    weight: 4,
    arbitrary: fc
      .tuple(anywhere, attributes)
      .map(([path, shall]) =>
        named(`makeDirectory ${path} ${JSON.stringify(shall)}`, ({ host }) => host.makeDirectory(path, shall)),
      ),
  },
  {
    weight: 4,
    arbitrary: fc
      .tuple(anywhere, content, attributes)
      .map(([path, bytes, shall]) =>
        named(`writeFile ${path} ${bytes.length} ${JSON.stringify(shall)}`, ({ host }) =>
          host.writeFile(path, text(bytes), shall),
        ),
      ),
  },
  {
    weight: 3,
    arbitrary: fc
      .tuple(somewhere, attributes)
      .map(([path, shall]) =>
        named(`setAttributes ${path} ${JSON.stringify(shall)}`, ({ host }) => host.setAttributes(path, shall)),
      ),
  },
  { weight: 2, arbitrary: anywhere.map((path) => named(`removeFile ${path}`, ({ host }) => host.removeFile(path))) },
  {
    weight: 2,
    arbitrary: anywhere.map((path) => named(`removeDirectory ${path}`, ({ host }) => host.removeDirectory(path))),
  },
  {
    weight: 3,
    arbitrary: fc
      .tuple(somewhere, entry)
      .map(([path, put]) => named(`put ${path} ${JSON.stringify(put)}`, (stage) => stage.put(path, put))),
  },
  { weight: 1, arbitrary: somewhere.map((path) => named(`take ${path}`, (stage) => stage.take(path))) },
);

/** What a caller learns from an operation: its value, or the code, blame and chance of the refusal. */
async function learnt(stage: Stage, operate: Operation): Promise<unknown> {
  let value: unknown;
  const refused = await refusal("", async () => {
    value = await operate(stage);
    throw new Fine();
  }).catch((error: unknown) => {
    if (error instanceof Error && error.cause instanceof Fine) return undefined;
    throw error;
  });
  return refused === undefined ? { value } : { code: refused.code, blame: refused.blame, retryable: refused.retryable };
}

class Fine extends Error {}

it.skipIf(!AGENT_IS_ROOT)(
  `the fake and the real file system answer alike, and hold the same, after every operation of any sequence${because}`,
  async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(operation, { minLength: 5, maxLength: 40, size: "max" }), async (operations) => {
        const [real, fake] = [realStage(), fakeStage()];
        for (const file of ["/etc/passwd", "/etc/group"]) await fake.put(file, { type: "file", text: "" });
        try {
          for (const operate of operations) {
            expect([String(operate), await learnt(real, operate)]).toEqual([
              String(operate),
              await learnt(fake, operate),
            ]);
            const { "/etc": _etc, "/etc/passwd": _passwd, "/etc/group": _group, ...tree } = fake.tree();
            expect([String(operate), real.tree()]).toEqual([String(operate), tree]);
          }
        } finally {
          real.close();
        }
      }),
      { numRuns: 60 },
    );
  },
  60_000,
);
