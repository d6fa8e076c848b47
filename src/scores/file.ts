import { match } from "ts-pattern";
import * as z from "zod";
import { type Attributes, type FileSystemEntry, FileSystemHost } from "../capabilities/file-system-host.ts";
import type { ApplyContext } from "./context.ts";
import { bytesOf, Content, digestOf, isAsset } from "./content.ts";
import {
  attributesToSet,
  claimedParents,
  MakeDirectory,
  obstructedBy,
  parentsMissing,
  RemoveIfEmpty,
  removeIfEmpty,
  SeenAbsent,
  SeenAttributes,
  SeenForeign,
  seeOthers,
  SetAttributes,
} from "./entries.ts";
import { fetchMs } from "./asset.ts";
import { AbsolutePath, Account, Mode } from "./paths.ts";
import { Score } from "./score.ts";

const spec = z.strictObject({
  /** Where the file is. Links are never followed: the path names real directories. */
  path: AbsolutePath,
  /** All of it: text, or `{ base64 }`, at most about 64 KiB; or of any size an asset: `asset("./FILE")`. */
  content: Content,
  /** Default `"0644"`. */
  mode: Mode.default("0644"),
  /** Default: whoever owns it, which for a new file is the agent's own user. */
  owner: Account.optional(),
  /** Default: as `owner`. */
  group: Account.optional(),
  /** Whether missing parent directories are made (mode 0755), and removed with the file while empty. Default false. */
  parents: z.boolean().default(false),
});

const observed = z.discriminatedUnion("state", [
  SeenAbsent,
  SeenForeign,
  SeenAttributes.extend({
    state: z.literal("present"),
    path: z.string(),
    /** Bytes. */
    size: z.number(),
    /** Null where the file is larger than the one that is wanted, and so surely another. */
    sha256: z.string().nullable(),
  }),
]);

const step = z.discriminatedUnion("do", [
  /** Brings an asset to the device, unless it is there already. */
  z.object({ do: z.literal("fetch"), path: z.string(), asset: z.string(), size: z.number() }),
  MakeDirectory,
  z.object({
    do: z.literal("write"),
    path: z.string(),
    size: z.number(),
    sha256: z.string(),
    /** What was there: its hash, `"unread"` where it was larger than what replaces it, or null where nothing was. */
    replaces: z.string().nullable(),
  }),
  SetAttributes,
  z.object({ do: z.literal("remove"), path: z.string() }),
  RemoveIfEmpty,
]);

/**
 * A regular file with exactly this content, permissions and owner.
 *
 * A regular file that stands there is replaced, and the step tells the hash of what it replaces; a directory, a link or
 * anything else is left alone and is a FAILURE (`Obstructed`).
 */
export class FileScore extends Score(
  "File",
  { version: 1, requires: [FileSystemHost], spec, observed, step },
  {
    // The disk takes many at once for little more than one.
    turns: "together",
    identity: ({ path }) => `path:${path}`,
    reach: (wanted) => [
      { _tag: "path", path: wanted.path },
      { _tag: "content", bytes: digestOf(wanted).size },
    ],

    observe(wanted, { FileSystemHost: fs }, context) {
      const { path } = wanted;
      const hashUpTo = digestOf(wanted).size;
      if (hashUpTo <= AT_ONCE_BYTES) return seenAt(path, fs.inspect(path, { hashUpTo }), fs);
      return fs.examine(path, { hashUpTo, signal: context.signal }).then((entry) => seenAt(path, entry, fs));
    },

    plan(wanted, seen) {
      const { path, parents } = wanted;
      if (seen.state === "foreign") return obstructedBy(seen, "file");
      const { size, sha256 } = digestOf(wanted);
      const write = { do: "write", path, size, sha256 } as const;
      const fetch = isAsset(wanted.content) ? [{ do: "fetch", path, asset: sha256, size } as const] : [];
      if (seen.state === "absent") {
        if (seen.missingParents.length > 0 && !parents) return parentsMissing(path, seen.missingParents);
        const made = seen.missingParents.map((parent) => ({ do: "makeDirectory", path: parent }) as const);
        return [...fetch, ...made, { ...write, replaces: null }];
      }
      if (seen.sha256 !== sha256) return [...fetch, { ...write, replaces: seen.sha256 ?? "unread" }];
      const attributes = attributesToSet(wanted, seen);
      return attributes === null ? [] : [{ do: "setAttributes", path, ...attributes }];
    },

    retire(wanted, seen, claims) {
      const { path } = wanted;
      const parents = claimedParents(path, claims).map(
        (parent) => ({ do: "removeDirectoryIfEmpty", path: parent }) as const,
      );
      // What the Score never came to replace is somebody else's, and stays.
      const isOwn = seen.state === "present" && (claims.has(`path:${path}`) || seen.sha256 === digestOf(wanted).sha256);
      if (isOwn || (seen.state === "absent" && seen.leftover)) return [{ do: "remove", path }, ...parents];
      const left = seen.state === "absent" && seen.emptyParent !== null && claims.has(seen.emptyParent);
      return left ? parents : [];
    },

    claims: (taken) => (taken.do === "makeDirectory" ? [taken.path] : []),
    inherits: ({ path }, claim) => path.startsWith(`${claim}/`),

    pauses: ({ do: taken }) => (taken === "fetch" ? "aside" : null),
    deadlineMs: ({ content }) => (isAsset(content) ? fetchMs(content) : 30_000),

    apply: (taken, wanted, { FileSystemHost: fs }, context) =>
      match(taken)
        .with({ do: "fetch" }, ({ path, asset, size }) =>
          context.assets.fetch({ asset, size }, { signal: context.signal, copyTo: path }),
        )
        .with({ do: "makeDirectory" }, ({ path }) => fs.makeDirectory(path, { mode: "0755" }))
        .with({ do: "write" }, ({ path }) => put(path, wanted, fs, context))
        .with({ do: "setAttributes" }, ({ path, ...attributes }) => fs.setAttributes(path, attributes))
        .with({ do: "remove" }, ({ path }) => fs.removeFile(path))
        .with({ do: "removeDirectoryIfEmpty" }, ({ path }) => removeIfEmpty(path, fs))
        .exhaustive(),

    watch: ({ path }, { FileSystemHost: fs }, changed) => fs.watch(path, changed),
  },
) {}

/** What is larger is read and hashed a slice at a time. */
const AT_ONCE_BYTES = 1024 * 1024;

function seenAt(path: string, entry: FileSystemEntry, fs: Pick<FileSystemHost, "inspect">): z.infer<typeof observed> {
  if (entry.type === "directory") return { state: "foreign", path, at: path, what: "directory" };
  if (entry.type !== "file") return seeOthers(path, entry, fs);
  const { size, sha256, mode, owner, group, uid, gid } = entry;
  return { state: "present", path, size, sha256, mode, owner, group, uid, gid };
}

/** An asset is copied from where it was brought to, piece by piece. */
const put = (
  path: string,
  { content, ...attributes }: Attributes & { readonly content: Content },
  fs: FileSystemHost,
  { assets, signal }: ApplyContext,
): Promise<void> =>
  isAsset(content)
    ? fs.writePieces(path, assets.read(content, signal), attributes)
    : fs.writeFile(path, bytesOf(content), attributes);
