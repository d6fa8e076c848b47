import type { FileSystemHost } from "../../capabilities/file-system-host.ts";

type Entry = ReturnType<FileSystemHost["inspect"]>;

type NoFile =
  | { readonly type: "absent"; readonly leftover: boolean }
  | { readonly type: "foreign"; readonly what: "directory" | "link" | "special file"; readonly at: string };

/** What stands where a file of Harmony's own should be: nothing, what is somebody else's, or a file, of which `told` tells. */
export function ownFile<File>(
  path: string,
  entry: Entry,
  told: (file: Extract<Entry, { readonly type: "file" }>) => File,
): File | NoFile {
  switch (entry.type) {
    case "missing":
      return { type: "absent", leftover: entry.leftover };
    case "file":
      return told(entry);
    case "special":
      return { type: "foreign", what: "special file", at: path };
    case "unreachable":
      return { type: "foreign", what: entry.because === "link" ? "link" : "special file", at: entry.at };
    case "directory":
    case "link":
      return { type: "foreign", what: entry.type, at: path };
  }
}
