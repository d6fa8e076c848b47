// The contract that every kind keeps, tried on Motd. What stands here tells a second time what the kind is for, in other
// words, and never calls it: so the two can only agree where both are right.
import * as fc from "fast-check";
import { contractOf, FakeFileSystem, type FakeEntry, type FakeTreeEntry, type World } from "harmony-edge/testing";
import { describe, expect, it } from "vitest";
import { MotdScore } from "./motd.ts";

const DIRECTORY = "/etc/motd.d";
const PATH = "/etc/motd.d/motd";
const LEFTOVER = "/etc/motd.d/.motd.harmony-new";

interface Spec {
  readonly text: string;
  readonly indent?: number;
}
type Entries = Readonly<Record<string, FakeEntry>>;
/** An entry that somebody puts there, or takes away where it is null. */
interface Change {
  readonly path: string;
  readonly to: FakeEntry | null;
}

const theirs: FakeEntry = { type: "file", text: "theirs" };
const wanted = ({ text, indent = 2 }: Spec): string => `${text.replace(/^/gm, " ".repeat(indent))}\n`;
const right = (spec: Spec): FakeEntry => ({ type: "file", text: wanted(spec) });
/** What can stand at a path: what is wanted, another file, and what is in the way. */
const entries = (spec: Spec): fc.Arbitrary<FakeEntry> =>
  fc.constantFrom<FakeEntry>(
    right(spec),
    theirs,
    { type: "directory" },
    { type: "link", target: "/" },
    { type: "special" },
  );

const world: World<Spec, Entries, Change, FakeTreeEntry> = {
  kind: MotdScore,
  specs: fc.record(
    { text: fc.constantFrom("hello", "grüße", "a\nb"), indent: fc.constantFrom(0, 2, 40) },
    { requiredKeys: ["text"] },
  ),
  devices: (spec) =>
    fc.oneof(
      fc.constantFrom<Entries>(
        {},
        { "/etc": { type: "directory" } },
        { [DIRECTORY]: { type: "directory" } },
        { [DIRECTORY]: { type: "link", target: "/usr" } },
      ),
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
  judge(spec, now) {
    const there = now[PATH];
    if (now[DIRECTORY]?.type !== "directory" || (there !== undefined && there.type !== "file")) return "obstructed";
    return there !== undefined && "text" in there && there.text === wanted(spec) ? "so" : "not-so";
  },
  left(spec, now, made) {
    const { [PATH]: there, [LEFTOVER]: _leftover, ...left } = now;
    // What is in the way, or was never replaced, stays, and with it what lies beside it.
    const isRight = there !== undefined && "text" in there && there.text === wanted(spec);
    const isOwn = there?.type === "file" && (isRight || made.has(`path:${PATH}`));
    return there === undefined || isOwn ? left : now;
  },
};

describe("Motd keeps the contract", () => {
  it.each(contractOf(world))("$name", (check) => expect(check.run()).resolves.toBeUndefined());
});
