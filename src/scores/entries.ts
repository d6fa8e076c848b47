import * as z from "zod";
import type { Attributes, FileSystemEntry, FileSystemHost, Ownership } from "../capabilities/file-system-host.ts";
import type { Obstruction } from "./outcome.ts";

/** What File and Directory share: how they look at a path, its way there, and its permissions. */

/** Permissions and owner as they were seen. */
export const SeenAttributes = z.object({
  mode: z.string(),
  owner: z.string(),
  group: z.string(),
  uid: z.number(),
  gid: z.number(),
});

/** Nothing stands at the path. */
export const SeenAbsent = z.object({
  state: z.literal("absent"),
  path: z.string(),
  missingParents: z.array(z.string()).readonly(),
  /** The nearest ancestor that is there, where it is an empty directory. */
  emptyParent: z.string().nullable(),
  leftover: z.boolean(),
});

/** Something stands at the path, or on the way to it, that is not the Score's to remove. */
export const SeenForeign = z.object({
  state: z.literal("foreign"),
  path: z.string(),
  /** Where it stands: the path itself or an ancestor. */
  at: z.string(),
  what: z.enum(["file", "directory", "link", "special file"]),
});

/** An entry of the one type that the Score is about, or how it is not. */
export const seeOthers = (
  path: string,
  entry: Exclude<FileSystemEntry, { readonly type: "file" | "directory" }>,
  fs: Pick<FileSystemHost, "inspect">,
): z.infer<typeof SeenAbsent> | z.infer<typeof SeenForeign> => {
  switch (entry.type) {
    case "missing": {
      const { missingParents, leftover } = entry;
      const nearest = parentOf(missingParents[0] ?? path);
      const around = nearest === "/" ? undefined : fs.inspect(nearest);
      const emptyParent = around?.type === "directory" && around.empty ? nearest : null;
      return { state: "absent", path, missingParents, emptyParent, leftover };
    }
    case "link":
      return { state: "foreign", path, at: path, what: "link" };
    case "special":
      return { state: "foreign", path, at: path, what: "special file" };
    case "unreachable":
      return { state: "foreign", path, at: entry.at, what: entry.because === "link" ? "link" : "file" };
  }
};

export const parentOf = (path: string): string => path.slice(0, path.lastIndexOf("/")) || "/";

export const obstructedBy = (
  { path, at, what }: z.infer<typeof SeenForeign>,
  wanted: "file" | "directory",
): Obstruction => ({
  obstructed:
    at === path
      ? `a ${what} stands at ${path}, where a ${wanted} should be`
      : `a ${what} stands at ${at}, on the way to ${path}`,
  blame: "device",
  next: `Look at what it is for. Move it away, or give the Score another path${what === "link" ? " (links are never followed: name the real path)" : ""}.`,
});

export const parentsMissing = (path: string, missingParents: readonly string[]): Obstruction => ({
  obstructed: `${missingParents[0] ?? parentOf(path)} does not exist, on the way to ${path}`,
  blame: "author",
  next: 'Set "parents: true" to have it made, or add a Directory and name it under "after".',
});

export const SetAttributes = z.object({
  do: z.literal("setAttributes"),
  path: z.string(),
  mode: z.string().optional(),
  owner: z.string().optional(),
  group: z.string().optional(),
});
export const MakeDirectory = z.object({ do: z.literal("makeDirectory"), path: z.string() });
/** Only while it is empty: what somebody else put there stays. */
export const RemoveIfEmpty = z.object({ do: z.literal("removeDirectoryIfEmpty"), path: z.string() });

/** The attributes that differ from what is wanted, or null where none does. What is not wanted is not compared. */
export const attributesToSet = (wanted: Attributes, seen: Ownership & { readonly mode: string }): Attributes | null => {
  const different = {
    ...(wanted.mode !== undefined && wanted.mode !== seen.mode ? { mode: wanted.mode } : {}),
    ...(isOther(wanted.owner, seen.owner, seen.uid) ? { owner: wanted.owner } : {}),
    ...(isOther(wanted.group, seen.group, seen.gid) ? { group: wanted.group } : {}),
  };
  return Object.keys(different).length === 0 ? null : different;
};

const isOther = (wanted: string | undefined, name: string, id: number): boolean =>
  wanted !== undefined && wanted !== name && wanted !== String(id);

/** Removes the parents that this Score made, from the innermost out, as long as they are empty. */
export const claimedParents = (path: string, claims: ReadonlySet<string>): readonly string[] => {
  const claimed: string[] = [];
  for (let parent = parentOf(path); claims.has(parent); parent = parentOf(parent)) claimed.push(parent);
  return claimed;
};

export const removeIfEmpty = async (path: string, fs: FileSystemHost): Promise<void> => {
  const entry = fs.inspect(path);
  if (entry.type === "directory" && entry.empty) await fs.removeDirectory(path);
};
