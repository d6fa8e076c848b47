import * as fc from "fast-check";
import { contractOf, FakeFileSystem, type FakeEntry, type FakeTreeEntry, type World } from "harmony-edge/testing";
import { describe, expect, it } from "vitest";
import { MotdScore } from "../../examples/own-kind.ts";

const PATH = "/etc/motd";
const LEFTOVER = "/etc/.motd.harmony-new";

interface Spec {
  readonly text: string;
}
type Entries = Readonly<Record<string, FakeEntry>>;
/** An entry that somebody puts there, or takes away where it is null. */
interface Change {
  readonly path: string;
  readonly to: FakeEntry | null;
}

const theirs: FakeEntry = { type: "file", text: "theirs" };
const right = ({ text }: Spec): FakeEntry => ({ type: "file", text: `${text}\n` });
/** What can stand at a path: what is wanted, another file, and what is in the way. */
const entries = (spec: Spec): fc.Arbitrary<FakeEntry> =>
  fc.constantFrom<FakeEntry>(
    right(spec),
    theirs,
    { type: "directory" },
    { type: "link", target: "/" },
    { type: "special" },
  );

const motdWorld: World<Spec, Entries, Change, FakeTreeEntry> = {
  kind: MotdScore,
  specs: fc.record({ text: fc.constantFrom("hello", "grüße", "a\nb") }),
  devices: (spec) =>
    fc.oneof(
      fc.constantFrom<Entries>({}, { "/etc": { type: "directory" } }, { "/etc": { type: "link", target: "/usr" } }),
      entries(spec).map((there): Entries => ({ "/etc/hosts": theirs, [PATH]: there })),
      fc.constant<Entries>({ "/etc/hosts": theirs, [LEFTOVER]: theirs }),
    ),
  changes: (spec) =>
    fc.oneof(
      fc.record({ path: fc.constant(PATH), to: fc.option(entries(spec), { nil: null }) }),
      fc.record({ path: fc.constantFrom(LEFTOVER, "/etc/hosts"), to: fc.constantFrom(theirs, null) }),
    ),
  open(device) {
    const fs = new FakeFileSystem();
    for (const [path, entry] of Object.entries(device)) fs.put(path, entry);
    return {
      ports: { FileSystemHost: fs },
      snapshot: () => fs.tree(),
      change: ({ path, to }) => (to === null ? fs.take(path) : fs.put(path, to)),
    };
  },
  about: () => [PATH, LEFTOVER],
  judge({ text }, now) {
    const there = now[PATH];
    if (now["/etc"]?.type !== "directory" || (there !== undefined && there.type !== "file")) return "obstructed";
    return there !== undefined && "text" in there && there.text === `${text}\n` ? "so" : "not-so";
  },
  left({ text }, now, made) {
    const { [PATH]: there, [LEFTOVER]: _leftover, ...left } = now;
    // What is in the way, or was never replaced, stays, and with it what lies beside it.
    const isRight = there !== undefined && "text" in there && there.text === `${text}\n`;
    const isOwn = there?.type === "file" && (isRight || made.has(`path:${PATH}`));
    return there === undefined || isOwn ? left : now;
  },
};

describe("Motd keeps the contract", () => {
  it.each(contractOf(motdWorld))("$name", (check) => expect(check.run()).resolves.toBeUndefined());
});
