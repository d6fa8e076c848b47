import type { ReadPortOf } from "../capabilities/capability.ts";
import { FileSystemHost, type SharedText } from "../capabilities/file-system-host.ts";
import { PortError } from "../capabilities/port-error.ts";
import { attenuate, type PortTable } from "../scores/attenuate.ts";
import { redact } from "../scores/redaction.ts";
import type { AnyScore } from "../scores/score.ts";
import type { WireScore } from "../wire/envelope.ts";
import { hiddenIn } from "../wire/hidden.ts";
import type { SealedSecrets } from "../wire/secrets/sealed.ts";
import type { Opener } from "../wire/secrets/opener.ts";
import type { Standing } from "../wire/status.ts";

/** Bytes of one text. More would be read by nobody. */
const READ_UP_TO = 16 * 1024;
const FILES = [FileSystemHost] as const;

/** What is known on the device of what must not be told. Made once for a plan, whose Scores are many. */
export interface Untold {
  readonly opener: Opener | undefined;
  readonly secrets: readonly SealedSecrets[];
  /** Values that Scores ask not to be shown. */
  readonly hidden: readonly string[];
  /** Whether what stands where this Score is about was made from a secret. */
  readonly wasSecret: (identity: string) => boolean;
}

/** `scores`: those that were asked about, and those in force. */
export const untoldOf = (
  scores: readonly WireScore[],
  { opener, wasSecret }: Pick<Untold, "opener" | "wasSecret">,
): Untold => ({
  opener,
  secrets: scores.flatMap(({ secrets }) => (secrets === undefined ? [] : [secrets])),
  hidden: scores.flatMap((score) => hiddenIn(score)),
  wasSecret,
});

/**
 * What stands where a Score would write its text; null where nothing does, and where it has no text of its own. What not
 * everybody on the device may read is not even opened, whoever made it.
 */
export function standingAt(score: AnyScore, ports: PortTable, untold: Untold): Standing | null {
  const { opener, secrets, hidden, wasSecret } = untold;
  const { shows: path, identity } = score.bind();
  const files = path === null ? null : filesOf(ports);
  if (path === null || files === null) return null;
  if (wasSecret(identity)) return { _tag: "Withheld", path, because: "Secret" };
  const read = readNow(path, files);
  switch (read.type) {
    case "none":
      return null;
    case "unread":
      return { _tag: "Withheld", path, because: "Unread" };
    case "withheld":
      return { _tag: "Withheld", path, because: WORDS[read.because] };
    case "text": {
      const { text } = read;
      // Somebody may have written it elsewhere as well, for all to read.
      if (secrets.some((sealed) => opener?.isIn(text, sealed) === true)) {
        return { _tag: "Withheld", path, because: "Secret" };
      }
      return { _tag: "Text", path, text: redact(text, hidden) };
    }
  }
}

const WORDS = { private: "Private", "too-large": "TooLarge", "no-text": "NoText" } as const;

type Files = Pick<ReadPortOf<typeof FileSystemHost>, "sharedText">;

/** With the methods alone that change nothing. */
function filesOf(ports: PortTable): Files | null {
  const port = FileSystemHost.name in ports ? attenuate(FILES, ports).reads[FileSystemHost.name] : undefined;
  return port !== undefined && reads(port) ? port : null;
}

const reads = (port: object): port is Files => "sharedText" in port;

function readNow(path: string, files: Files): SharedText | { readonly type: "unread" } {
  try {
    return files.sharedText(path, { upTo: READ_UP_TO });
  } catch (error) {
    if (error instanceof PortError) return { type: "unread" };
    throw error;
  }
}
