import { createPublicKey, type KeyObject } from "node:crypto";
import { parseArgs, type ParseArgsConfig } from "node:util";
import { AgentId } from "../wire/keys.ts";
import { type Labels, labelsIn } from "../wire/labels.ts";
import { isServer, serverList } from "../wire/nats/server-list.ts";
import { PiTopology } from "../topology/pi.ts";
import type { TrustedKeys } from "../wire/signature.ts";
import { DRIFT_PASS_MS } from "./agent.ts";
import { parseSize } from "./assets/cache-limit.ts";
import type { CapabilityName } from "./cage/needs.ts";
import { type Caged, CONFIGURATION, DROP_IN } from "./cage/unit.ts";

export const USAGE = `Usage: harmony agent run --id ID [options]
       harmony agent enroll --id ID [options]   (makes this device's key; see harmony agent enroll --help)
       harmony agent key [options]   (shows the key that secrets are sealed for; see harmony agent key --help)
       harmony agent take FILE | status         (with no server; see harmony agent take --help)
       harmony agent doctor [options]
       harmony agent audit [options]
       harmony agent unit [options]
       harmony agent kinds [--json]

Runs the agent of one device in the foreground: it follows desired-state.ID, makes the device so, repairs drift, and
reports to actual-state.ID. SIGTERM or Ctrl-C lets the step under way end and stops it.

doctor looks at this device, with or without a running agent, and says what is missing and what to do. It changes
nothing. Give it the options that the agent is given; without --id the clock is not compared with the server's.

audit prints what is on record on this device: what was accepted and refused, signed by whom, and what was run. It looks
whether the record is whole. It needs no option but the directory, where that is another.

unit prints a systemd unit that gives the agent what the enabled capabilities need of the system, and no more.

kinds prints the kinds of Score that this agent knows, and the capabilities that it can offer.

Options:
  --id ID                the agent's id: a-z, 0-9 and "-", at most 63
  --root DIR             the directory that is "/" to every Score (default: /)
  --state-dir DIR        where the agent keeps its ledger (default: ROOT/var/lib/harmony-edge/agent)
  --cache-dir DIR        where the agent keeps the assets that Scores refer to (default: "assets" in the state directory)
  --cache-limit SIZE     how much of them, such as 500M or 2G (default: a fifth of the file system, at most 1G)
  --server URL           the NATS server, several with commas (env HARMONY_SERVER, default nats://127.0.0.1:4222)
  --creds FILE           NATS credentials (env HARMONY_CREDS)
  --trust NAME=FILE      accept only manifests signed by this Ed25519 public key (PEM); may be repeated
  --authors FILE         accept only manifests signed by authors whom this file names (JSON; see docs/security.md), or by
                         --trust; read again when it changes
  --policy FILE          take from others only what this file allows (see docs/security.md); read again when it changes
  --signed-policy FILE   and only what the policy in this file allows, if a key of --policy-key has signed it
  --policy-key NAME=FILE an Ed25519 public key (PEM) that signs policies; may be repeated
  --drift-interval TIME  how often every Score is looked at, e.g. 30s, 5m (default: ${DRIFT_PASS_MS / 60_000}m)
  --label KEY=VALUE      what the device is called beside its id, for selectors: site=paris; may be repeated
  --failover PAIR        be one of the two members of this pair: its manifest, in desired-state.PAIR, is in force on the one
                         that holds its lease, and on that one alone
  --allow-audited-shell  let Scores run commands here (ShellJob), each of them on record in the state directory
  --capability NAME      offer this one, and no other that is not named too (default: all); may be repeated
  --path DIR             where Scores may write: the unit keeps all else from the agent (default: /); may be repeated
  --config FILE          a JSON object of these options, without their dashes; what stands here goes before it, and without
                         an id in either, the host name is it
  --json                 doctor and audit alone: write it as JSON
  --verify               audit alone: print nothing but whether the record is whole
  --drop-in              unit alone: print what is to be added to the package's unit
  --write                unit alone: write that to ${DROP_IN}
  -h, --help             this text

Exit codes: 0 stopped as asked, or nothing fails; 1 cannot start on this device, something fails, or the record is not
whole; 2 wrong usage.
`;

export interface AgentArguments {
  readonly agentId: AgentId;
  readonly root: string;
  readonly stateDir: string | null;
  readonly cacheDir: string | null;
  /** Bytes. */
  readonly cacheLimit: number | null;
  readonly server: string;
  readonly credsFile: string | null;
  readonly trust: readonly { readonly name: string; readonly file: string }[];
  /** Null: none. */
  readonly authorsFile: string | null;
  /** Null: none. */
  readonly policyFile: string | null;
  /** Where a signed policy is put, and who may sign one; null: none is taken. */
  readonly signedPolicy: { readonly file: string; readonly keys: AgentArguments["trust"] } | null;
  /** What the flags were read from, if anything. */
  readonly configFile: string | null;
  readonly driftPassMs: number;
  /** What the device is called beside its id. */
  readonly labels: Labels;
  readonly allowAuditedShell: boolean;
  /** What it offers at most, where the device has it. */
  readonly capabilities: readonly CapabilityName[];
  /** The pair that this agent is a member of; null: none. */
  readonly pair: AgentId | null;
}

export type DoctorArguments = Omit<AgentArguments, "agentId" | "driftPassMs"> & {
  /** Null: not given. */
  readonly agentId: AgentId | null;
  /** What the unit has to be made of by the configuration file that was named; null: none was. */
  readonly caged: Caged | null;
  readonly json: boolean;
};

export interface AuditArguments {
  readonly root: string;
  readonly stateDir: string | null;
  readonly json: boolean;
  /** Without the records. */
  readonly verify: boolean;
}

/** How the unit is to be told: whole, as a drop-in of the package's, or as one that is put in place. */
export interface UnitArguments extends Caged {
  readonly how: "whole" | "drop-in" | "write";
  /** What the whole unit starts. */
  readonly command: string;
}

export type Parsed =
  | { readonly _tag: "Run"; readonly given: AgentArguments }
  | { readonly _tag: "Doctor"; readonly given: DoctorArguments }
  | { readonly _tag: "Unit"; readonly given: UnitArguments }
  | { readonly _tag: "Audit"; readonly given: AuditArguments }
  | { readonly _tag: "Help" }
  | { readonly _tag: "Wrong"; readonly message: string };

/** All but the one that has a flag of its own, since a device has to be asked for it. */
const ORDINARY = PiTopology.offers.map(({ name }) => name);

/** Reads the words behind `harmony agent`; those of a configuration file come before those that were typed. */
export function parseArguments(argv: readonly string[], env: Readonly<Record<string, string | undefined>>): Parsed {
  const wrong = (message: string): Parsed => ({ _tag: "Wrong", message });
  const read = readWords(argv);
  if ("message" in read) return wrong(read.message);
  const { values, positionals } = read;
  if (values.help === true) return { _tag: "Help" };
  const [asked] = positionals;
  if (positionals.length !== 1 || (asked !== "run" && asked !== "doctor" && asked !== "unit" && asked !== "audit")) {
    return wrong(
      'the things to ask for are "harmony agent run", "harmony agent doctor", "harmony agent audit", "harmony agent unit", "harmony agent key", "harmony agent take", "harmony agent status" and "harmony agent enroll"',
    );
  }
  if (asked !== "unit" && (values.write === true || values["drop-in"] === true)) {
    return wrong("--write and --drop-in are for unit alone");
  }
  if (asked === "audit") {
    const { root = "/", "state-dir": stateDir = null, json = false, verify = false } = values;
    return { _tag: "Audit", given: { root, stateDir, json, verify } };
  }
  if (values.verify === true) return wrong("--verify is for audit alone");
  const enabled = capabilitiesIn(values.capability);
  if ("message" in enabled) return wrong(enabled.message);
  const allowAuditedShell = values["allow-audited-shell"] ?? false;
  const capabilities = [...enabled.names, ...(allowAuditedShell ? (["AuditedShell"] as const) : [])];
  const paths = values.path ?? null;
  const odd = (paths ?? []).find((path) => !/^\/[^\p{Cc}]*$/u.test(path) || path.split("/").includes(".."));
  if (odd !== undefined) return wrong(`--path is an absolute path without "..", and not ${JSON.stringify(odd)}`);
  const caged: Caged = {
    capabilities,
    paths,
    stateDir: values["state-dir"] ?? null,
    cacheDir: values["cache-dir"] ?? null,
    creds: values.creds ?? null,
  };
  if (asked === "unit") {
    const how = values.write === true ? "write" : values["drop-in"] === true ? "drop-in" : "whole";
    const command = `/usr/bin/harmony agent run --config ${values.config ?? `${CONFIGURATION}/agent.json`}`;
    return { _tag: "Unit", given: { ...caged, how, command } };
  }
  if (asked === "run" && values.json === true) return wrong("--json is for doctor and audit alone");
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
  const cacheLimit = values["cache-limit"] === undefined ? null : parseSize(values["cache-limit"]);
  if (cacheLimit === null && values["cache-limit"] !== undefined) {
    return wrong("--cache-limit is a number of bytes, or of K, M or G, such as 500M");
  }
  const named = labelsIn(values.label ?? []);
  if ("message" in named) return wrong(`--label: ${named.message}`);
  const trust = namedFiles(values.trust ?? []);
  if (trust === null) return wrong("--trust is NAME=FILE");
  const policyKeys = namedFiles(values["policy-key"] ?? []);
  if (policyKeys === null) return wrong("--policy-key is NAME=FILE");
  const signedFile = values["signed-policy"] ?? null;
  if ((signedFile === null) !== (policyKeys.length === 0)) {
    return wrong("--signed-policy FILE and --policy-key NAME=FILE go together: where it is put, and who may sign it");
  }
  const server = values.server ?? set(env["HARMONY_SERVER"]) ?? "nats://127.0.0.1:4222";
  // What is no server would be tried for ever.
  if (!serverList(server).every(isServer)) {
    return wrong("--server is nats://HOST:PORT or tls://HOST:PORT, several with commas");
  }
  const given = {
    root: values.root ?? "/",
    stateDir: values["state-dir"] ?? null,
    cacheDir: values["cache-dir"] ?? null,
    cacheLimit,
    server,
    credsFile: values.creds ?? set(env["HARMONY_CREDS"]) ?? null,
    trust,
    authorsFile: values.authors ?? null,
    policyFile: values.policy ?? null,
    signedPolicy: signedFile === null ? null : { file: signedFile, keys: policyKeys },
    configFile: values.config ?? null,
    allowAuditedShell,
    capabilities,
    labels: named.labels,
    pair: pair?.data ?? null,
  };
  return asked === "run" && id.success
    ? { _tag: "Run", given: { ...given, agentId: id.data, driftPassMs } }
    : {
        _tag: "Doctor",
        given: {
          ...given,
          agentId: id.data ?? null,
          caged: values.config === undefined ? null : caged,
          json: values.json ?? false,
        },
      };
}

/** Of words that are each NAME=FILE; null where one is not. */
const namedFiles = (words: readonly string[]): AgentArguments["trust"] | null =>
  words.every((each) => /^[^=]+=./.test(each))
    ? words.map((each) => ({ name: each.slice(0, each.indexOf("=")), file: each.slice(each.indexOf("=") + 1) }))
    : null;

/** Those that are named, each once and in their own order; all where none is. */
function capabilitiesIn(
  named: readonly string[] = ORDINARY,
): { readonly names: readonly CapabilityName[] } | { readonly message: string } {
  const unknown = named.find((name) => !ORDINARY.some((each) => each === name));
  if (unknown === undefined) return { names: ORDINARY.filter((each) => named.includes(each)) };
  const how = unknown === "AuditedShell" ? ": AuditedShell is let in by --allow-audited-shell alone" : "";
  return { message: `--capability is one of ${ORDINARY.join(", ")}, and not ${JSON.stringify(unknown)}${how}` };
}

/** A variable that is there and empty is not set. */
const set = (variable: string | undefined): string | undefined => (variable === "" ? undefined : variable);

/** As `parseArgs` takes them. */
export const OPTIONS = {
  id: { type: "string" },
  root: { type: "string" },
  "state-dir": { type: "string" },
  "cache-dir": { type: "string" },
  "cache-limit": { type: "string" },
  server: { type: "string" },
  creds: { type: "string" },
  trust: { type: "string", multiple: true },
  authors: { type: "string" },
  policy: { type: "string" },
  "signed-policy": { type: "string" },
  "policy-key": { type: "string", multiple: true },
  "drift-interval": { type: "string" },
  "allow-audited-shell": { type: "boolean" },
  capability: { type: "string", multiple: true },
  path: { type: "string", multiple: true },
  label: { type: "string", multiple: true },
  config: { type: "string" },
  json: { type: "boolean" },
  verify: { type: "boolean" },
  write: { type: "boolean" },
  "drop-in": { type: "boolean" },
  failover: { type: "string" },
  help: { type: "boolean", short: "h" },
} as const satisfies ParseArgsConfig["options"];

function readWords(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: OPTIONS,
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
