import { parseArgs } from "node:util";

export const KEY_USAGE = `Usage: harmony agent key [options]

Shows the public half of the key that secrets are sealed for on this device, and makes the key where there is none yet.
Compare its id with the one that harmony apply shows, and only then let it be pinned there.

Options:
  --renew          make a new key; the ones before it, the last three, still open what is sealed for them. The agent
                   publishes it from its next start on
  --root DIR       as for harmony agent run (default: /)
  --state-dir DIR  as for harmony agent run (default: ROOT/var/lib/harmony-edge/agent)
  --config FILE    take these from the agent's configuration
  --json           print a document
  -h, --help       this text

Examples:
  harmony agent key --config /etc/harmony-edge/agent.json
  harmony agent key --renew

Exit codes: 0 done, 1 the key cannot be read or made, 2 wrong usage.
`;

export interface KeyArguments {
  readonly root: string;
  readonly stateDir: string | null;
  readonly renew: boolean;
  readonly json: boolean;
}

export type ParsedKey =
  | { readonly _tag: "Key"; readonly given: KeyArguments }
  | { readonly _tag: "Help" }
  | { readonly _tag: "Wrong"; readonly message: string };

/** Reads the words behind `harmony agent key`. Of those that a configuration file holds two are for it. */
export function parseKey(argv: readonly string[], configured: readonly string[] = []): ParsedKey {
  const ours = configured.filter((word) => /^--(root|state-dir)=/.test(word));
  try {
    const { values } = parseArgs({
      args: [...ours, ...argv],
      options: {
        root: { type: "string" },
        "state-dir": { type: "string" },
        config: { type: "string" },
        renew: { type: "boolean" },
        json: { type: "boolean" },
        help: { type: "boolean", short: "h" },
      },
    });
    if (values.help === true) return { _tag: "Help" };
    const { root = "/", renew = false, json = false } = values;
    return { _tag: "Key", given: { root, stateDir: values["state-dir"] ?? null, renew, json } };
  } catch (error) {
    return { _tag: "Wrong", message: error instanceof Error ? error.message : String(error) };
  }
}
