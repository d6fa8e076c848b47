import { match } from "ts-pattern";
import * as z from "zod";
import { FileSystemHost } from "../capabilities/file-system-host.ts";
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
import { AbsolutePath, Account, Mode } from "./paths.ts";
import { Score } from "./score.ts";

const spec = z.strictObject({
  /** Where it is. Links are never followed: the path names real directories. */
  path: AbsolutePath,
  /** Four octal digits. Default `"0755"`. */
  mode: Mode.default("0755"),
  /** Default: whoever owns it, which for a new directory is the agent's own user. */
  owner: Account.optional(),
  /** Default: as `owner`. */
  group: Account.optional(),
  /** Whether missing parent directories are made (mode 0755), and removed with it while empty. Default false. */
  parents: z.boolean().default(false),
});

const observed = z.discriminatedUnion("state", [
  SeenAbsent,
  SeenForeign,
  SeenAttributes.extend({ state: z.literal("present"), path: z.string(), empty: z.boolean() }),
]);

const step = z.discriminatedUnion("do", [MakeDirectory, SetAttributes, RemoveIfEmpty]);

/**
 * A directory with these permissions and owner. What is in it is nobody's business here.
 *
 * It is removed with the Score only if the Score made it and it is empty: a directory that was there before, or that
 * somebody uses, stays.
 */
export class DirectoryScore extends Score(
  "Directory",
  { version: 1, requires: [FileSystemHost], spec, observed, step },
  {
    identity: ({ path }) => `path:${path}`,
    reach: ({ path }) => [{ _tag: "path", path }],

    observe({ path }, { FileSystemHost: fs }) {
      const entry = fs.inspect(path, { hashUpTo: 0 });
      if (entry.type === "file") return { state: "foreign", path, at: path, what: "file" };
      if (entry.type !== "directory") return seeOthers(path, entry, fs);
      const { mode, owner, group, uid, gid, empty } = entry;
      return { state: "present", path, empty, mode, owner, group, uid, gid };
    },

    plan(wanted, seen) {
      const { path, parents } = wanted;
      if (seen.state === "foreign") return obstructedBy(seen, "directory");
      if (seen.state === "absent") {
        if (seen.missingParents.length > 0 && !parents) return parentsMissing(path, seen.missingParents);
        return [...seen.missingParents, path].map((made) => ({ do: "makeDirectory", path: made }) as const);
      }
      const attributes = attributesToSet(wanted, seen);
      return attributes === null ? [] : [{ do: "setAttributes", path, ...attributes }];
    },

    retire({ path }, seen, claims) {
      const made = claims.has(path) ? [path, ...claimedParents(path, claims)] : [];
      const left =
        (seen.state === "present" && seen.empty && claims.has(path)) ||
        (seen.state === "absent" && seen.emptyParent !== null && claims.has(seen.emptyParent));
      return left ? made.map((each) => ({ do: "removeDirectoryIfEmpty", path: each }) as const) : [];
    },

    claims: (taken) => (taken.do === "makeDirectory" ? [taken.path] : []),
    inherits: ({ path }, claim) => path.startsWith(`${claim}/`),

    apply: (taken, wanted, { FileSystemHost: fs }) =>
      match(taken)
        // One that was made a moment ago by another Score, or before a crash, keeps its attributes: a second look finds them.
        .with({ do: "makeDirectory" }, ({ path }) =>
          fs.makeDirectory(path, path === wanted.path ? wanted : { mode: "0755" }),
        )
        .with({ do: "setAttributes" }, ({ path, ...attributes }) => fs.setAttributes(path, attributes))
        .with({ do: "removeDirectoryIfEmpty" }, ({ path }) => removeIfEmpty(path, fs))
        .exhaustive(),

    watch: ({ path }, { FileSystemHost: fs }, changed) => fs.watch(path, changed),
  },
) {}
