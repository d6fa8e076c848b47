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
import { isSecret, SECRET_LIMIT_BYTES, type SecretsSeen } from "./secret.ts";

const spec = z
  .strictObject({
    /** Where the file is. Links are never followed: the path names real directories. */
    path: AbsolutePath,
    /** All of it: text or `{ base64 }`, at most about 64 KiB; of any size an asset: `asset("./FILE")`; or `secret("name")`, at most 16 KiB. */
    content: Content,
    /** Default `"0644"`; of a secret `"0400"`, and no mode that lets everybody at it. */
    mode: Mode.optional(),
    /** Default: whoever owns it, which for a new file is the agent's own user. */
    owner: Account.optional(),
    /** Default: as `owner`. */
    group: Account.optional(),
    /** Whether missing parent directories are made (mode 0755), and removed with the file while empty. Default false. */
    parents: z.boolean().default(false),
  })
  .refine(({ content, mode }) => !(isSecret(content) && isOpenToAll(mode ?? "0400")), {
    path: ["mode"],
    error: 'the last digit lets everybody on the device at a secret: let it be 0, as in "0400" or "0440"',
  })
  // A default that depends on the content. What comes out of it is taken again as it is.
  .transform(({ path, content, mode = isSecret(content) ? "0400" : "0644", ...rest }) => ({
    path,
    content,
    mode,
    ...rest,
  }));

const isOpenToAll = (mode: string): boolean => !mode.endsWith("0");

const observed = z.discriminatedUnion("state", [
  SeenAbsent,
  SeenForeign,
  SeenAttributes.extend({
    state: z.literal("present"),
    path: z.string(),
    /** Bytes; null where it is or should be a secret, as is the next. */
    size: z.number().nullable(),
    /**
     * Null where it is not told: the file is another than is wanted, and larger, or not for everybody on the device to
     * read.
     */
    sha256: z.string().nullable(),
    /** Which secret it should be, and whether it is. */
    secret: z.object({ name: z.string(), isSo: z.boolean() }).exactOptional(),
  }),
]);

const step = z.discriminatedUnion("do", [
  /** Brings an asset to the device, unless it is there already. */
  z.object({ do: z.literal("fetch"), path: z.string(), asset: z.string(), size: z.number() }),
  MakeDirectory,
  z.object({
    do: z.literal("write"),
    path: z.string(),
    /** Null where a secret is written, as is the next. */
    size: z.number().nullable(),
    sha256: z.string().nullable(),
    /** The name of the secret that is written. */
    secret: z.string().exactOptional(),
    /** What was there: its hash, `"unread"` where that is not told, or null where nothing was. */
    replaces: z.string().nullable(),
  }),
  SetAttributes,
  z.object({ do: z.literal("remove"), path: z.string() }),
  RemoveIfEmpty,
]);

type Observed = z.infer<typeof observed>;
type Wanted = { readonly content: Content };

/** What a step tells of the content. */
const toWrite = (wanted: Wanted) =>
  isSecret(wanted.content)
    ? { size: null, sha256: null, secret: wanted.content.secret }
    : (digestOf(wanted) ?? { size: null, sha256: null });

/** Whether the bytes are. What was not read, or is not told, is not. */
const isAsWanted = (
  wanted: Wanted,
  seen: { readonly sha256: string | null; readonly secret?: { readonly isSo: boolean } },
): boolean => (isSecret(wanted.content) ? seen.secret?.isSo === true : seen.sha256 === digestOf(wanted)?.sha256);

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
      { _tag: "content", bytes: digestOf(wanted)?.size ?? SECRET_LIMIT_BYTES },
    ],
    secrets: ({ content }) => (isSecret(content) ? [content.secret] : []),
    shows: ({ path, content }) => (typeof content === "string" ? path : null),

    observe(wanted, { FileSystemHost: fs }, context) {
      const { path } = wanted;
      const hashUpTo = digestOf(wanted)?.size ?? SECRET_LIMIT_BYTES;
      const seen = (entry: FileSystemEntry): Observed => seenAt(wanted, entry, fs, context.secrets);
      if (hashUpTo <= AT_ONCE_BYTES) return seen(fs.inspect(path, { hashUpTo }));
      return fs.examine(path, { hashUpTo, signal: context.signal }).then(seen);
    },

    plan(wanted, seen) {
      const { path, parents } = wanted;
      if (seen.state === "foreign") return obstructedBy(seen, "file");
      const { content } = wanted;
      const write = { do: "write", path, ...toWrite(wanted) } as const;
      const fetch = isAsset(content) ? [{ do: "fetch", path, asset: content.asset, size: content.size } as const] : [];
      if (seen.state === "absent") {
        if (seen.missingParents.length > 0 && !parents) return parentsMissing(path, seen.missingParents);
        const made = seen.missingParents.map((parent) => ({ do: "makeDirectory", path: parent }) as const);
        return [...fetch, ...made, { ...write, replaces: null }];
      }
      if (!isAsWanted(wanted, seen)) return [...fetch, { ...write, replaces: seen.sha256 ?? "unread" }];
      const attributes = attributesToSet(wanted, seen);
      return attributes === null ? [] : [{ do: "setAttributes", path, ...attributes }];
    },

    retire(wanted, seen, claims) {
      const { path } = wanted;
      const parents = claimedParents(path, claims).map(
        (parent) => ({ do: "removeDirectoryIfEmpty", path: parent }) as const,
      );
      // What the Score never came to replace is somebody else's, and stays.
      const isOwn = seen.state === "present" && (claims.has(`path:${path}`) || isAsWanted(wanted, seen));
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

function seenAt(
  wanted: Wanted & { readonly path: string },
  entry: FileSystemEntry,
  fs: Pick<FileSystemHost, "inspect">,
  secrets: SecretsSeen,
): Observed {
  const { path, content } = wanted;
  if (entry.type === "directory") return { state: "foreign", path, at: path, what: "directory" };
  if (entry.type !== "file") return seeOthers(path, entry, fs);
  const { size, sha256, mode, owner, group, uid, gid } = entry;
  const attributes = { mode, owner, group, uid, gid };
  if (isSecret(content)) {
    const seen = { name: content.secret, isSo: secrets.matches(content, sha256) };
    return { state: "present", path, size: null, sha256: null, secret: seen, ...attributes };
  }
  // By the hash of what is short, as a secret that stood there before may be, it can be found.
  const isTold = sha256 === digestOf(wanted)?.sha256 || isOpenToAll(mode);
  return { state: "present", path, size, sha256: isTold ? sha256 : null, ...attributes };
}

/** An asset is copied from where it was brought to, piece by piece. */
function put(
  path: string,
  { content, ...attributes }: Attributes & Wanted,
  fs: FileSystemHost,
  { assets, secrets, signal }: ApplyContext,
): Promise<void> {
  if (isAsset(content)) return fs.writePieces(path, assets.read(content, signal), attributes);
  if (isSecret(content)) return secrets.use(content, (bytes) => fs.writeFile(path, bytes, attributes));
  return fs.writeFile(path, bytesOf(content), attributes);
}
