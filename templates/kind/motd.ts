// A kind of Score, whole: what may be asked, what is seen, what is done. It works as it is; make of it what you need.
// docs/writing-a-score.md of harmony-edge goes through it line by line.
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";
import { FileSystemHost, Score } from "harmony-edge";
import { match } from "ts-pattern";
import * as z from "zod";

/** People who log in are shown what lies here, file by file. */
const DIRECTORY = "/etc/motd.d";
const PATH = `${DIRECTORY}/motd`;

const spec = z.strictObject({
  /** What people read who log in: 1 to 4096 characters. A line feed is added. */
  text: z.string().min(1).max(4096),
  /** Spaces before each line, 0 to 40. Default 2. */
  indent: z.int().min(0).max(40).default(2),
});
type Spec = z.infer<typeof spec>;

const observed = z.discriminatedUnion("state", [
  /** `leftover`: a write was interrupted, and half a file lies beside it. */
  z.object({ state: z.literal("absent"), hasDirectory: z.boolean(), leftover: z.boolean() }),
  /** Null where the file is larger than what is wanted, and so surely another. */
  z.object({ state: z.literal("present"), sha256: z.string().nullable() }),
  z.object({ state: z.literal("foreign"), what: z.string() }),
]);

const step = z.discriminatedUnion("do", [
  z.object({ do: z.literal("write"), sha256: z.string() }),
  z.object({ do: z.literal("remove") }),
]);

/**
 * A message for people who log in. A regular file in its place is taken over; its permissions are nobody's business here.
 */
export class MotdScore extends Score(
  "Motd",
  { version: 1, requires: [FileSystemHost], spec, observed, step },
  {
    identity: () => `path:${PATH}`,
    reach: (wanted) => [
      { _tag: "path", path: PATH },
      { _tag: "content", bytes: bytesOf(wanted).length },
    ],

    observe(wanted, { FileSystemHost: fs }) {
      const entry = fs.inspect(PATH, { hashUpTo: bytesOf(wanted).length });
      if (entry.type === "file") return { state: "present", sha256: entry.sha256 };
      if (entry.type !== "missing") return { state: "foreign", what: entry.type };
      const { missingParents, leftover } = entry;
      return { state: "absent", hasDirectory: missingParents.length === 0, leftover };
    },

    plan(wanted, seen) {
      if (seen.state === "foreign") {
        return {
          obstructed: `something else than a regular file stands at ${PATH} or on the way to it (${seen.what})`,
          blame: "device",
          next: "Look at what it is for, and move it away.",
        };
      }
      if (seen.state === "absent" && !seen.hasDirectory) {
        return {
          obstructed: `${DIRECTORY} does not exist`,
          blame: "author",
          next: `Declare it: new DirectoryScore({ path: "${DIRECTORY}", parents: true }).`,
        };
      }
      const sha = hashOf(wanted);
      return seen.state === "present" && seen.sha256 === sha ? [] : [{ do: "write", sha256: sha }];
    },

    retire(wanted, seen, claims) {
      // What the Score never came to replace is somebody else's, and stays.
      const isOwn = seen.state === "present" && (claims.has(`path:${PATH}`) || seen.sha256 === hashOf(wanted));
      return isOwn || (seen.state === "absent" && seen.leftover) ? [{ do: "remove" }] : [];
    },

    apply: (taken, wanted, { FileSystemHost: fs }) =>
      match(taken)
        .with({ do: "write" }, () => fs.writeFile(PATH, bytesOf(wanted), {}))
        .with({ do: "remove" }, () => fs.removeFile(PATH))
        .exhaustive(),

    watch: (_, { FileSystemHost: fs }, changed) => fs.watch(PATH, changed),
  },
) {}

/** All that the file is to hold. */
function bytesOf({ text, indent }: Spec): Uint8Array {
  const lines = text.split("\n").map((line) => `${" ".repeat(indent)}${line}\n`);
  return new TextEncoder().encode(lines.join(""));
}

const hashOf = (wanted: Spec): string => bytesToHex(sha256(bytesOf(wanted)));
