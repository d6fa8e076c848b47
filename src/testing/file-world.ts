import * as fc from "fast-check";
import { FileScore } from "../scores/file.ts";
import type { FakeTreeEntry } from "./fake-file-system.ts";
import { parentOf } from "./fake-paths.ts";
import {
  changesAround,
  devicesAround,
  type Entries,
  type EntryChange,
  judgePath,
  leftoverOf,
  openEntries,
  type PathSpec,
  pathSpecs,
  type RightEntry,
  withoutEmpty,
} from "./file-system-world.ts";
import { fakeSecret } from "./fake-secrets.ts";
import { same } from "./same.ts";
import type { World } from "./world.ts";

type Spec = PathSpec & {
  readonly content: string | { readonly base64: string } | { readonly secret: string };
};

/** Text, bytes that are no text, in base64, and a secret. */
const contents: fc.Arbitrary<Spec["content"]> = fc.oneof(
  fc.constantFrom("", "hello\n", "grüße \u{1f389}\n"),
  fc.string({ maxLength: 12 }),
  fc.base64String({ maxLength: 12 }).map((base64) => ({ base64 })),
  fc.constant({ base64: "/wD+" }),
  fc.constant({ secret: "psk" }),
);

const bytesOf = (content: Spec["content"]): Uint8Array =>
  typeof content === "string"
    ? new TextEncoder().encode(content)
    : "secret" in content
      ? new TextEncoder().encode(fakeSecret(content.secret))
      : new Uint8Array(Buffer.from(content.base64, "base64"));

const defaultMode = ({ content }: Spec): string =>
  typeof content !== "string" && "secret" in content ? "0400" : "0644";

const right = ({ content, mode = defaultMode({ path: "", content }), owner, group }: Spec): RightEntry => ({
  type: "file",
  bytes: bytesOf(content),
  mode,
  owner,
  group,
});

/** Specs of a File, and the file system in memory. */
export const fileWorld: World<Spec, Entries, EntryChange, FakeTreeEntry> = {
  kind: FileScore,
  specs: fc.tuple(pathSpecs, contents).map(([spec, content]) => closed({ ...spec, content })),
  devices: (spec) => devicesAround(spec.path, right(spec)),
  changes: (spec) => changesAround(spec.path, right(spec)),
  open: openEntries,
  about: ({ path }) => [path, leftoverOf(path)],
  judge: (spec, now) =>
    judgePath(spec, now, { type: "file", mode: defaultMode(spec) }, (entry) => {
      return entry.type === "file" && holds(entry, spec.content);
    }),
  /** A regular file is the Score's own once it was as declared, or while it is; with it goes what a write left half done. */
  left({ path, content }, now, made) {
    const left = { ...now };
    const there = now[path];
    const isOwn = there?.type === "file" && (made.has(`path:${path}`) || holds(there, content));
    if (isOwn) delete left[path];
    if (there === undefined || isOwn) delete left[leftoverOf(path)];
    return withoutEmpty(left, parentOf(path), made);
  },
};

/** A secret is for nobody who is not named. */
const closed = (spec: Spec): Spec =>
  defaultMode(spec) === "0400" && spec.mode !== undefined ? { ...spec, mode: spec.mode.replace(/.$/, "0") } : spec;

const holds = (entry: Extract<FakeTreeEntry, { readonly type: "file" }>, content: Spec["content"]): boolean => {
  const bytes = "text" in entry ? new TextEncoder().encode(entry.text) : entry.bytes;
  return same([...bytes], [...bytesOf(content)]);
};
