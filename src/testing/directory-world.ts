import { DirectoryScore } from "../scores/directory.ts";
import type { FakeTreeEntry } from "./fake-file-system.ts";
import {
  changesAround,
  devicesAround,
  type Entries,
  type EntryChange,
  judgePath,
  openEntries,
  type PathSpec,
  pathSpecs,
  type RightEntry,
  withoutEmpty,
} from "./file-system-world.ts";
import type { World } from "./world.ts";

const right = ({ mode = "0755", owner, group }: PathSpec): RightEntry => ({ type: "directory", mode, owner, group });

/** Specs of a Directory, and the file system in memory. */
export const directoryWorld: World<PathSpec, Entries, EntryChange, FakeTreeEntry> = {
  kind: DirectoryScore,
  specs: pathSpecs,
  devices: (spec) => devicesAround(spec.path, right(spec)),
  changes: (spec) => changesAround(spec.path, right(spec)),
  open: openEntries,
  about: ({ path }) => [path],
  judge: (spec, now) => judgePath(spec, now, { type: "directory", mode: "0755" }, () => true),
  /** Only what the Score made goes, and only while it is empty. */
  left: ({ path }, now, made) => withoutEmpty(now, path, made),
};
