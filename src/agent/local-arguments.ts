import { parseArgs } from "node:util";

export const LOCAL_USAGE = `Usage: harmony agent take FILE [options]
       harmony agent status [options]

For a device that no server reaches. Both ask the agent that runs on this device, by the socket in its state directory.

take hands it a bundle that harmony sign has made. The agent takes it or refuses it just as if it had come by the server.

status writes how the agent stands, signed with a key of the device's own; harmony verify tells, elsewhere, whether that is
so. The public half of that key, which --key writes, is carried away once, when the device is set up.

Options:
  --root DIR         as it was given to harmony agent run (default: /)
  --state-dir DIR    as it was given to harmony agent run (default: ROOT/var/lib/harmony-edge/agent)
  --config FILE      take both from the agent's configuration
  -o, --output FILE  status alone: where it goes (default: standard output)
  --key              status alone: write the public key instead, in PEM
  --json             take alone: write what became of it as JSON
  -h, --help         this text

Examples:
  harmony agent take bundle.json
  harmony agent status -o status.json
  harmony agent status --key -o pi-7.pub

Exit codes: 0 taken, or written; 1 refused, or it cannot be written; 2 wrong usage; 4 no agent runs here.
`;

export interface LocalArguments {
  readonly root: string;
  readonly stateDir: string | null;
  readonly asked:
    | { readonly _tag: "Take"; readonly file: string; readonly json: boolean }
    | { readonly _tag: "Status" | "Key"; readonly output: string | null };
}

export type ParsedLocal =
  | { readonly _tag: "Local"; readonly given: LocalArguments }
  | { readonly _tag: "Help" }
  | { readonly _tag: "Wrong"; readonly message: string };

/** Reads the words behind `harmony agent`, of which the first is `take` or `status`. */
export function parseLocal(argv: readonly string[], configured: readonly string[] = []): ParsedLocal {
  const wrong = (message: string): ParsedLocal => ({ _tag: "Wrong", message });
  const read = readWords([...configured.filter((each) => /^--(root|state-dir)=/.test(each)), ...argv]);
  if ("message" in read) return wrong(read.message);
  const { values, positionals } = read;
  if (values.help === true) return { _tag: "Help" };
  const [what, file, ...more] = positionals;
  const place = { root: values.root ?? "/", stateDir: values["state-dir"] ?? null };
  if (what === "take") {
    if (file === undefined || more.length > 0) return wrong("take is given one FILE, which harmony sign has made");
    if (values.output !== undefined || values.key === true) return wrong("--output and --key are for status alone");
    return { _tag: "Local", given: { ...place, asked: { _tag: "Take", file, json: values.json ?? false } } };
  }
  if (file !== undefined) return wrong("status takes no FILE; where it goes is said by --output");
  if (values.json === true) return wrong("--json is for take alone: a status is JSON always");
  const _tag = values.key === true ? "Key" : "Status";
  return { _tag: "Local", given: { ...place, asked: { _tag, output: values.output ?? null } } };
}

function readWords(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        root: { type: "string" },
        "state-dir": { type: "string" },
        config: { type: "string" },
        output: { type: "string", short: "o" },
        key: { type: "boolean" },
        json: { type: "boolean" },
        help: { type: "boolean", short: "h" },
      },
    });
  } catch (error) {
    return { message: error instanceof Error ? error.message : String(error) };
  }
}
