import { parseArgs } from "node:util";
import { AgentId } from "../wire/keys.ts";

const CREDS = "/etc/harmony-edge/agent.creds";

export const ENROLL_USAGE = `Usage: harmony agent enroll --id ID [options]

Makes this device's key and prints a code that holds its public half. "harmony fleet accept CODE", where the fleet is
kept, lets the device in. The private half stays in the file; it never leaves the device.

Options:
  --id ID       the agent's id: a-z, 0-9 and "-", at most 63
  --creds FILE  where the key goes; it must not be there yet (env HARMONY_CREDS, default ${CREDS})
  --ca FILE     the fleet's authority (device/ca.pem), which alone may vouch for the server (default: the system's)
  --json        print a document in place of the code
  -h, --help    this text

Examples:
  harmony agent enroll --id pi-7 --ca ca.pem
  harmony agent run --id pi-7 --server tls://nats.example.org:4222 --creds ${CREDS}

Exit codes: 0 done, 1 the file is there already or cannot be written, 2 wrong usage.
`;

export interface EnrollArguments {
  readonly agentId: AgentId;
  readonly credsFile: string;
  readonly authorityFile: string | null;
  readonly json: boolean;
}

export type ParsedEnroll =
  | { readonly _tag: "Enroll"; readonly given: EnrollArguments }
  | { readonly _tag: "Help" }
  | { readonly _tag: "Wrong"; readonly message: string };

/** Reads the words behind `harmony agent enroll`. */
export function parseEnroll(argv: readonly string[], env: Readonly<Record<string, string | undefined>>): ParsedEnroll {
  const read = readWords(argv);
  if ("message" in read) return { _tag: "Wrong", message: read.message };
  const { values } = read;
  if (values.help === true) return { _tag: "Help" };
  const id = AgentId.safeParse(values.id);
  if (!id.success) {
    const why = values.id === undefined ? "--id is missing" : `--id: ${id.error.issues[0]?.message ?? "wrong"}`;
    return { _tag: "Wrong", message: why };
  }
  const fromEnvironment = env["HARMONY_CREDS"] === "" ? undefined : env["HARMONY_CREDS"];
  return {
    _tag: "Enroll",
    given: {
      agentId: id.data,
      credsFile: values.creds ?? fromEnvironment ?? CREDS,
      authorityFile: values.ca ?? null,
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
        json: { type: "boolean" },
        help: { type: "boolean", short: "h" },
      },
    });
  } catch (error) {
    return { message: error instanceof Error ? error.message : String(error) };
  }
}
