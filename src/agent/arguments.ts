import { createPublicKey, type KeyObject } from "node:crypto";
import { parseArgs } from "node:util";
import { AgentId } from "../wire/keys.ts";
import { isServer, serverList } from "../wire/nats/server-list.ts";
import type { TrustedKeys } from "../wire/signature.ts";
import { DRIFT_PASS_MS } from "./agent.ts";

export const USAGE = `Usage: harmony agent run --id ID [options]
       harmony agent enroll --id ID [options]   (makes this device's key; see harmony agent enroll --help)
       harmony agent doctor [options]

Runs the agent of one device in the foreground: it follows desired-state.ID, makes the device so, repairs drift, and
reports to actual-state.ID. SIGTERM or Ctrl-C lets the step under way end and stops it.

doctor looks at this device, with or without a running agent, and says what is missing and what to do. It changes
nothing. Give it the options that the agent is given; without --id the clock is not compared with the server's.

Options:
  --id ID                the agent's id: a-z, 0-9 and "-", at most 63
  --root DIR             the directory that is "/" to every Score (default: /)
  --state-dir DIR        where the agent keeps its ledger (default: ROOT/var/lib/harmony-edge/agent)
  --server URL           the NATS server, several with commas (env HARMONY_SERVER, default nats://127.0.0.1:4222)
  --creds FILE           NATS credentials (env HARMONY_CREDS)
  --trust NAME=FILE      accept only manifests signed by this Ed25519 public key (PEM); may be repeated
  --drift-interval TIME  how often every Score is looked at, e.g. 30s, 5m (default: ${DRIFT_PASS_MS / 60_000}m)
  --failover PAIR        be one of the two members of this pair: its manifest, in desired-state.PAIR, is in force on the one
                         that holds its lease, and on that one alone
  --allow-audited-shell  let Scores run commands here (ShellJob), each of them on record in the state directory
  --json                 doctor alone: write its findings as JSON
  -h, --help             this text

Exit codes: 0 stopped as asked, or nothing fails; 1 cannot start on this device, or something fails; 2 wrong usage.
`;

export interface AgentArguments {
  readonly agentId: AgentId;
  readonly root: string;
  readonly stateDir: string | null;
  readonly server: string;
  readonly credsFile: string | null;
  readonly trust: readonly { readonly name: string; readonly file: string }[];
  readonly driftPassMs: number;
  readonly allowAuditedShell: boolean;
  /** The pair that this agent is a member of; null: none. */
  readonly pair: AgentId | null;
}

export type DoctorArguments = Omit<AgentArguments, "agentId" | "driftPassMs"> & {
  /** Null: not given. */
  readonly agentId: AgentId | null;
  readonly json: boolean;
};

export type Parsed =
  | { readonly _tag: "Run"; readonly given: AgentArguments }
  | { readonly _tag: "Doctor"; readonly given: DoctorArguments }
  | { readonly _tag: "Help" }
  | { readonly _tag: "Wrong"; readonly message: string };

/** Reads the words behind `harmony agent`. */
export function parseArguments(argv: readonly string[], env: Readonly<Record<string, string | undefined>>): Parsed {
  const wrong = (message: string): Parsed => ({ _tag: "Wrong", message });
  const read = readWords(argv);
  if ("message" in read) return wrong(read.message);
  const { values, positionals } = read;
  if (values.help === true) return { _tag: "Help" };
  const [asked] = positionals;
  if (positionals.length !== 1 || (asked !== "run" && asked !== "doctor")) {
    return wrong('the things to ask for are "harmony agent run", "harmony agent doctor" and "harmony agent enroll"');
  }
  if (asked === "run" && values.json === true) return wrong("--json is for doctor alone");
  const id = AgentId.safeParse(values.id);
  if (!id.success && (asked === "run" || values.id !== undefined)) {
    return wrong(values.id === undefined ? "--id is missing" : `--id: ${id.error.issues[0]?.message ?? "wrong"}`);
  }
  const pair = values.failover === undefined ? null : AgentId.safeParse(values.failover);
  if (pair?.success === false) return wrong(`--failover: ${pair.error.issues[0]?.message ?? "wrong"}`);
  if (pair !== null && pair.data === id.data) {
    return wrong(
      "--failover names the pair, which has an id of its own: another one than --id, the same on both members",
    );
  }
  const driftPassMs = milliseconds(values["drift-interval"] ?? `${DRIFT_PASS_MS}ms`);
  if (driftPassMs === null) {
    return wrong("--drift-interval is a number with ms, s, m or h, such as 5m, at least 100ms and at most 497h");
  }
  const trust = (values.trust ?? []).map((each) => ({
    name: each.slice(0, each.indexOf("=")),
    file: each.slice(each.indexOf("=") + 1),
  }));
  const isPair = (values.trust ?? []).every((each) => /^[^=]+=./.test(each));
  if (!isPair) return wrong("--trust is NAME=FILE");
  const server = values.server ?? set(env["HARMONY_SERVER"]) ?? "nats://127.0.0.1:4222";
  // What is no server would be tried for ever.
  if (!serverList(server).every(isServer)) {
    return wrong("--server is nats://HOST:PORT or tls://HOST:PORT, several with commas");
  }
  const given = {
    root: values.root ?? "/",
    stateDir: values["state-dir"] ?? null,
    server,
    credsFile: values.creds ?? set(env["HARMONY_CREDS"]) ?? null,
    trust,
    allowAuditedShell: values["allow-audited-shell"] ?? false,
    pair: pair?.data ?? null,
  };
  return asked === "run" && id.success
    ? { _tag: "Run", given: { ...given, agentId: id.data, driftPassMs } }
    : { _tag: "Doctor", given: { ...given, agentId: id.data ?? null, json: values.json ?? false } };
}

/** A variable that is there and empty is not set. */
const set = (variable: string | undefined): string | undefined => (variable === "" ? undefined : variable);

function readWords(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        id: { type: "string" },
        root: { type: "string" },
        "state-dir": { type: "string" },
        server: { type: "string" },
        creds: { type: "string" },
        trust: { type: "string", multiple: true },
        "drift-interval": { type: "string" },
        "allow-audited-shell": { type: "boolean" },
        json: { type: "boolean" },
        failover: { type: "string" },
        help: { type: "boolean", short: "h" },
      },
    });
  } catch (error) {
    return { message: error instanceof Error ? error.message : String(error) };
  }
}

/** A timer takes 2^31 ms and not more, and with its jitter the pass comes up to a fifth later. */
const LONGEST_MS = (2 ** 31 - 1) / 1.2;

function milliseconds(text: string): number | null {
  const [, number = "", unit = ""] = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(text) ?? [];
  const factor = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }[unit];
  const ms = Number(number) * (factor ?? Number.NaN);
  return ms >= 100 && ms <= LONGEST_MS ? ms : null;
}

/** @throws where a file does not hold an Ed25519 public key; the message names it. */
export function trustedKeys(
  read: readonly { readonly name: string; readonly file: string; readonly pem: Buffer }[],
): TrustedKeys {
  return new Map(
    read.map(({ name, file, pem }) => {
      const key = publicKeyIn(file, pem);
      if (key.asymmetricKeyType !== "ed25519") {
        throw new Error(`${file} holds a ${key.asymmetricKeyType ?? "strange"} key, not an Ed25519 one`);
      }
      return [name, key] as const;
    }),
  );
}

function publicKeyIn(file: string, pem: Buffer): KeyObject {
  try {
    return createPublicKey(pem);
  } catch (error) {
    throw new Error(`${file} holds no public key in PEM`, { cause: error });
  }
}
