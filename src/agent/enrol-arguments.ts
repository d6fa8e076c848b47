import { parseArgs } from "node:util";
import { AgentId } from "../wire/keys.ts";
import { CONFIGURATION } from "./cage/unit.ts";

const CREDS = `${CONFIGURATION}/agent.creds`;

export const ENROLL_USAGE = `Usage: harmony agent enroll --id ID [options]

Makes this device's keys and prints a code that holds their public halves: of the one by which the server knows it, and of
the one that secrets are sealed for. "harmony fleet accept CODE", where the fleet is kept, lets the device in. The private
halves stay in their files; they never leave the device.

Options:
  --id ID       the agent's id: a-z, 0-9 and "-", at most 63
  --creds FILE  where the key goes; it must not be there yet (env HARMONY_CREDS, default ${CREDS})
  --config FILE take the id, and where the key goes, from the agent's configuration; without an id in it the host name is it
  --state-dir DIR  the agent's state directory, where the key for secrets goes (default: as for harmony agent run; where
                --creds names another file and this is not given, the agent makes that key at its first start)
  --ca FILE     the fleet's authority (device/ca.pem), which alone may vouch for the server (default: the system's)
  --json        print a document in place of the code
  -h, --help    this text

Examples:
  harmony agent enroll --id pi-7 --ca ca.pem
  harmony agent enroll --config ${CONFIGURATION}/agent.json --ca ca.pem
  harmony agent run --id pi-7 --server tls://nats.example.org:4222 --creds ${CREDS}

Exit codes: 0 done, 1 the file is there already or cannot be written, 2 wrong usage.
`;

export interface EnrollArguments {
  readonly agentId: AgentId;
  readonly credsFile: string;
  readonly authorityFile: string | null;
  /** Where the key for secrets goes; null: it is not made yet. */
  readonly state: { readonly root: string; readonly directory: string | null } | null;
  readonly json: boolean;
}

export type ParsedEnroll =
  | { readonly _tag: "Enroll"; readonly given: EnrollArguments }
  | { readonly _tag: "Help" }
  | { readonly _tag: "Wrong"; readonly message: string };

/** Reads the words behind `harmony agent enroll`. Of those that a configuration file holds some are for it. */
export function parseEnroll(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  configured: readonly string[] = [],
): ParsedEnroll {
  const read = readWords([...configured.filter((word) => /^--(id|creds|root|state-dir)=/.test(word)), ...argv]);
  if ("message" in read) return { _tag: "Wrong", message: read.message };
  const { values } = read;
  if (values.help === true) return { _tag: "Help" };
  const id = AgentId.safeParse(values.id);
  if (!id.success) {
    const why = values.id === undefined ? "--id is missing" : `--id: ${id.error.issues[0]?.message ?? "wrong"}`;
    return { _tag: "Wrong", message: why };
  }
  const fromEnvironment = env["HARMONY_CREDS"] === "" ? undefined : env["HARMONY_CREDS"];
  const credsFile = values.creds ?? fromEnvironment ?? CREDS;
  // Else it is no agent of this machine's own, and where that one keeps its memory is not known.
  const isPlaced = credsFile === CREDS || values["state-dir"] !== undefined || values.root !== undefined;
  return {
    _tag: "Enroll",
    given: {
      agentId: id.data,
      credsFile,
      authorityFile: values.ca ?? null,
      state: isPlaced ? { root: values.root ?? "/", directory: values["state-dir"] ?? null } : null,
      json: values.json ?? false,
    },
  };
}

function readWords(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      options: {
        id: { type: "string" },
        creds: { type: "string" },
        ca: { type: "string" },
        root: { type: "string" },
        "state-dir": { type: "string" },
        config: { type: "string" },
        json: { type: "boolean" },
        help: { type: "boolean", short: "h" },
      },
    });
  } catch (error) {
    return { message: error instanceof Error ? error.message : String(error) };
  }
}
