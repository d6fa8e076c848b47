import * as fc from "fast-check";
import { FileScore } from "../scores/file.ts";
import type { AssetRef } from "../scores/asset.ts";
import { FakeAssets } from "./fake-assets.ts";
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
  readonly content: string | { readonly base64: string } | { readonly secret: string } | AssetRef;
};

/** What is on the server of every generated device. */
const ASSETS = [[], [0, 255, 7], Array.from({ length: 23 }, (_, at) => at * 11)].map((bytes) => Uint8Array.from(bytes));
const refOf = (bytes: Uint8Array): AssetRef => new FakeAssets().put(bytes);

/** For a place of one's own: the assets that the specs of {@link fileWorld} refer to, on the server and not fetched yet. */
export function fileAssets(): FakeAssets {
  const assets = new FakeAssets();
  for (const bytes of ASSETS) assets.put(bytes);
  return assets;
}

/** Text, bytes that are no text, in base64, a secret, and assets. */
const contents: fc.Arbitrary<Spec["content"]> = fc.oneof(
  fc.constantFrom("", "hello\n", "grüße \u{1f389}\n"),
  fc.string({ maxLength: 12 }),
  fc.base64String({ maxLength: 12 }).map((base64) => ({ base64 })),
  fc.constant({ base64: "/wD+" }),
  fc.constant({ secret: "psk" }),
  // Often, so that few runs have one.
  { arbitrary: fc.constantFrom(...ASSETS.map(refOf)), weight: 4 },
);

const bytesOf = (content: Spec["content"]): Uint8Array =>
  typeof content === "string"
    ? new TextEncoder().encode(content)
    : "base64" in content
      ? new Uint8Array(Buffer.from(content.base64, "base64"))
      : "secret" in content
        ? new TextEncoder().encode(fakeSecret(content.secret))
        : (ASSETS.find((bytes) => refOf(bytes).asset === content.asset) ?? new Uint8Array());

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
  open(device) {
    return { ...openEntries(device), assets: fileAssets() };
  },
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
