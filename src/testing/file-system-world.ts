import * as fc from "fast-check";
import { FakeFileSystem, type FakeEntry, type FakeTreeEntry } from "./fake-file-system.ts";
import { parentOf, temporaryName } from "./fake-paths.ts";
import type { Place, Snapshot, Verdict } from "./world.ts";

/** What the worlds of File and Directory share: paths, what stands on them, and what others do there. */

/** What a device has before the Score comes, by path; parents come before what is in them. */
export type Entries = Readonly<Record<string, FakeEntry>>;

/** What somebody else does: puts an entry in the place of whatever stands there, or takes it away with all beneath it. */
export type EntryChange = { readonly put: string; readonly entry: FakeEntry } | { readonly take: string };

/** A spec of either kind, as far as they are alike. */
export interface PathSpec {
  readonly path: string;
  readonly mode?: string | undefined;
  readonly owner?: string | undefined;
  readonly group?: string | undefined;
  readonly parents?: boolean | undefined;
}

/** The accounts of every generated device. `4242` in a spec stands for a number without a name. */
export const USERS: Readonly<Record<string, number>> = { root: 0, alice: 1001 };
export const GROUPS: Readonly<Record<string, number>> = { root: 0, staff: 50 };

export const modes = fc.constantFrom("0644", "0755", "0600", "4755", "0000");
const owners = fc.constantFrom("root", "alice", "0", "1001", "4242");
const groups = fc.constantFrom("root", "staff", "0", "50", "4242");

/** The fields that both kinds have; the optional ones are left out at times, or undefined. */
export const pathSpecs: fc.Arbitrary<PathSpec> = fc.record(
  {
    path: fc
      .array(fc.constantFrom("a", "b", "c d", "ü", "..."), { minLength: 1, maxLength: 4 })
      .map((parts) => `/${parts.join("/")}`),
    mode: modes,
    owner: fc.option(owners, { nil: undefined }),
    group: groups,
    parents: fc.boolean(),
  },
  { requiredKeys: ["path"] },
);

/** The directories on the way to a path, outermost first. */
const waysTo = (path: string): readonly string[] => {
  const ways: string[] = [];
  for (let at = parentOf(path); at !== "/"; at = parentOf(at)) ways.unshift(at);
  return ways;
};

/** The file that an interrupted write leaves beside the path. */
export const leftoverOf = (path: string): string => {
  const parent = parentOf(path);
  return `${parent === "/" ? "" : parent}/${temporaryName(path.slice(path.lastIndexOf("/") + 1))}`;
};

const directory: fc.Arbitrary<FakeEntry> = fc.record(
  { type: fc.constant("directory"), mode: modes, owner: owners },
  { requiredKeys: ["type"] },
);
const file: fc.Arbitrary<FakeEntry> = fc.record(
  {
    type: fc.constant("file"),
    text: fc.constantFrom("theirs", "", "a longer text of theirs\n"),
    mode: modes,
    owner: owners,
  },
  { requiredKeys: ["type", "text"] },
);
const link: fc.Arbitrary<FakeEntry> = fc.record({
  type: fc.constant("link"),
  target: fc.constantFrom("/", "/else", "../b"),
});
const special: fc.Arbitrary<FakeEntry> = fc.constant({ type: "special" });

/** What the spec wants to stand there. */
export type RightEntry = Extract<FakeEntry, { readonly type: "file" | "directory" }>;

/** What can stand at a path; `right` makes it likely that it is nearly what the spec wants. */
const entriesAt = (right: RightEntry): fc.Arbitrary<FakeEntry> =>
  fc.oneof(
    fc.constant(right),
    fc.tuple(modes, owners, groups).map(([mode, owner, group]): FakeEntry => ({ ...right, mode, owner, group })),
    file,
    directory,
    link,
    special,
  );

/** Devices around a path: the way there is whole, ends early or is barred; and there are things nearby that are not ours. */
export const devicesAround = (path: string, right: RightEntry): fc.Arbitrary<Entries> => {
  const ways = waysTo(path);
  return fc
    .record({
      /** How many of the directories on the way are there. */
      reach: fc.oneof(fc.constant(ways.length), fc.nat(ways.length)),
      way: fc.array(directory, { minLength: ways.length, maxLength: ways.length }),
      there: fc.option(entriesAt(right), { nil: null }),
      leftover: fc.boolean(),
      inside: fc.boolean(),
      beside: fc.option(file, { nil: null }),
    })
    .map(({ reach, way, there, leftover, inside, beside }) => {
      const entries: Record<string, FakeEntry> = {
        "/else": { type: "directory" },
        "/else/where": { type: "file", text: "theirs" },
      };
      for (const [depth, at] of ways.slice(0, reach).entries()) entries[at] = way[depth] ?? { type: "directory" };
      const end = ways[reach] ?? path;
      if (there !== null) entries[end] = there;
      if (there?.type === "directory" && inside) entries[`${end}/inside`] = { type: "file", text: "theirs" };
      if (leftover) entries[leftoverOf(end)] = { type: "file", text: "half a fi" };
      if (beside !== null) entries[`${parentOf(end) === "/" ? "" : parentOf(end)}/beside`] = beside;
      return entries;
    });
};

/** What others do at the path, in it, beside it and on the way to it. */
export const changesAround = (path: string, right: RightEntry): fc.Arbitrary<EntryChange> => {
  const near = fc.constantFrom(path, ...waysTo(path));
  return fc.oneof(
    fc.record({ put: fc.constant(path), entry: entriesAt(right) }),
    fc.record({ take: near }),
    fc.record({ put: near, entry: fc.oneof(directory, link, file, special) }),
    fc.record({ put: near.map((at) => `${at}/inside`), entry: file }),
    fc.record({ put: fc.constant(leftoverOf(path)), entry: file }),
    fc.record({ put: fc.constant("/else/new"), entry: file }),
  );
};

/** A file system in memory that looks so. */
export const openEntries = (entries: Entries): Place<EntryChange, FakeTreeEntry> => {
  const fs = new FakeFileSystem({ users: USERS, groups: GROUPS });
  for (const [path, entry] of Object.entries(entries)) fs.put(path, entry);
  return {
    ports: { FileSystemHost: fs },
    snapshot: () => fs.tree(),
    change: (change) => ("take" in change ? fs.take(change.take) : fs.put(change.put, change.entry)),
  };
};

type Attributed = Extract<FakeTreeEntry, { readonly mode: string }>;

/** Whether the path is free or holds an entry of the type, and the way to it is open; then `alike` decides. */
export function judgePath(
  { path, parents = false, mode, owner, group }: PathSpec,
  now: Snapshot<FakeTreeEntry>,
  { type, mode: usual }: { readonly type: Attributed["type"]; readonly mode: string },
  alike: (entry: Attributed) => boolean,
): Verdict {
  for (const at of waysTo(path)) {
    const way = now[at];
    if (way === undefined) return parents ? "not-so" : "obstructed";
    if (way.type !== "directory") return "obstructed";
  }
  const entry = now[path];
  if (entry === undefined) return "not-so";
  if (entry.type !== type || !("mode" in entry)) return "obstructed";
  const owned =
    (owner === undefined || numberOf(owner, USERS) === numberOf(entry.owner, USERS)) &&
    (group === undefined || numberOf(group, GROUPS) === numberOf(entry.group, GROUPS));
  return owned && entry.mode === (mode ?? usual) && alike(entry) ? "so" : "not-so";
}

const numberOf = (account: string, known: Readonly<Record<string, number>>): number =>
  known[account] ?? Number(account);

/** The snapshot without the directories that were made, from `path` outwards, as long as there is nothing in them. */
export function withoutEmpty(
  now: Snapshot<FakeTreeEntry>,
  path: string,
  made: ReadonlySet<string>,
): Snapshot<FakeTreeEntry> {
  const left = { ...now };
  for (let at = path; made.has(at); at = parentOf(at)) {
    const inside = Object.keys(left).some((other) => other.startsWith(`${at}/`));
    if (left[at]?.type === "directory" && !inside) delete left[at];
  }
  return left;
}
