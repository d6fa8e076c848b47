// A kind of one's own, whole. docs/writing-a-score.md goes through it line by line.
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";
import { FileSystemHost, Score } from "harmony-edge";
import { match } from "ts-pattern";
import * as z from "zod";

const PATH = "/etc/motd";

const spec = z.strictObject({
  /** What people read who log in; a line feed is added. */
  text: z.string().min(1).max(4096),
});

const observed = z.discriminatedUnion("state", [
  z.object({ state: z.literal("absent"), hasDirectory: z.boolean(), leftover: z.boolean() }),
  /** Null where the file is larger than what is wanted, and so surely another. */
  z.object({ state: z.literal("present"), sha256: z.string().nullable() }),
  z.object({ state: z.literal("foreign"), what: z.string() }),
]);

const step = z.discriminatedUnion("do", [
  z.object({ do: z.literal("write"), sha256: z.string() }),
  z.object({ do: z.literal("remove") }),
]);

/** The message of the day. A regular file at /etc/motd is taken over; its permissions are nobody's business here. */
export class MotdScore extends Score(
  "Motd",
  { version: 1, requires: [FileSystemHost], spec, observed, step },
  {
    identity: () => `path:${PATH}`,

    observe({ text }, { FileSystemHost: fs }) {
      const entry = fs.inspect(PATH, { hashUpTo: bytesOf(text).length });
      if (entry.type === "file") return { state: "present", sha256: entry.sha256 };
      if (entry.type !== "missing") return { state: "foreign", what: entry.type };
      const { missingParents, leftover } = entry;
      return { state: "absent", hasDirectory: missingParents.length === 0, leftover };
    },

    plan({ text }, seen) {
      if (seen.state === "foreign") {
        return {
          obstructed: `something else than a regular file stands at ${PATH} or on the way to it (${seen.what})`,
          blame: "device",
          next: "Look at what it is for, and move it away.",
        };
      }
      if (seen.state === "absent" && !seen.hasDirectory) {
        return { obstructed: "/etc does not exist", blame: "device", next: "Is --root a whole file system?" };
      }
      const wanted = hashOf(text);
      return seen.state === "present" && seen.sha256 === wanted ? [] : [{ do: "write", sha256: wanted }];
    },

    retire({ text }, seen, claims) {
      // What the Score never came to replace is somebody else's, and stays.
      const isOwn = seen.state === "present" && (claims.has(`path:${PATH}`) || seen.sha256 === hashOf(text));
      return isOwn || (seen.state === "absent" && seen.leftover) ? [{ do: "remove" }] : [];
    },

    apply: (taken, { text }, { FileSystemHost: fs }) =>
      match(taken)
        .with({ do: "write" }, () => fs.writeFile(PATH, bytesOf(text), {}))
        .with({ do: "remove" }, () => fs.removeFile(PATH))
        .exhaustive(),

    watch: (_, { FileSystemHost: fs }, changed) => fs.watch(PATH, changed),
  },
) {}

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(`${text}\n`);
const hashOf = (text: string): string => bytesToHex(sha256(bytesOf(text)));
