import { realpathSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import type { Log } from "../../scores/context.ts";
import type { DevicePolicies } from "../../wire/device-policy.ts";
import { type AgentArguments, trustedKeys } from "../arguments.ts";
import { CONFIGURATION, UNIT } from "../cage/unit.ts";
import { PolicyFile } from "./policy-file.ts";
import { SignedPolicyFile } from "./signed-policy-file.ts";
import type { StateDirectory } from "./state-directory.ts";

export interface AgentPolicy {
  /** What no Score may write, as absolute paths of the machine. */
  readonly reserved: readonly string[];
  readonly current: () => DevicePolicies;
}

type Given = Pick<AgentArguments, "agentId" | "policyFile" | "signedPolicy" | "configFile" | "credsFile" | "trust"> & {
  /** Default: none. */
  readonly authorsFile?: string | null;
  /** Null, or left out: in the state directory. */
  readonly cacheDir?: string | null;
  readonly root: string;
  readonly state: StateDirectory;
  readonly log: Log;
};

/** What this agent may be asked for: what is its own is nobody else's, and the rest is as the policy's file says, if any. */
export async function agentPolicy({ root, state, log, ...given }: Given): Promise<AgentPolicy> {
  const { authorsFile = null, policyFile, signedPolicy, configFile, credsFile, trust, cacheDir = null } = given;
  // Not the file of a signed policy: whoever writes that, what counts is the signature.
  const keys = [...trust, ...(signedPolicy?.keys ?? [])].map(({ file }) => file);
  const files = [authorsFile, policyFile, configFile, credsFile, cacheDir, ...keys].flatMap((file) => file ?? []);
  // Where the agent is the machine's own, what starts it is its own too.
  const ofMachine = root === "/" ? [CONFIGURATION, ...unitFiles()] : [];
  const reserved = [...new Set([...[state.path, ...files].flatMap(bothPaths), ...ofMachine])];
  const own = {
    paths: [...withinRoot(reserved, root)],
    units: root === "/" ? [UNIT] : [],
  };
  const nothing: DevicePolicies = { reserved: own, policies: [], unreadable: null };
  const file =
    policyFile === null ? null : await PolicyFile.open({ path: resolve(policyFile), reserved: own, disk: state, log });
  const local = file?.current ?? (() => nothing);
  if (signedPolicy === null) return { reserved, current: local };
  const pems = signedPolicy.keys.map(async (each) => ({ ...each, pem: await readFile(each.file) }));
  const signed = await SignedPolicyFile.open({
    path: resolve(signedPolicy.file),
    keys: trustedKeys(await Promise.all(pems)),
    agentId: given.agentId,
    disk: state,
    now: () => new Date(),
    log,
  });
  return { reserved, current: together(local, signed.current) };
}

/** Each has to allow what is asked. The same object as long as neither has changed. */
function together(local: () => DevicePolicies, signed: SignedPolicyFile["current"]): () => DevicePolicies {
  let seen: readonly unknown[] = [];
  let both: DevicePolicies | null = null;
  return () => {
    const [one, other] = [local(), signed()];
    if (both === null || seen[0] !== one || seen[1] !== other) {
      seen = [one, other];
      both = { ...one, ...other, policies: [...one.policies, ...other.policies] };
    }
    return both;
  };
}

const unitFiles = (): readonly string[] =>
  ["/etc", "/run", "/usr/lib", "/usr/local/lib"].flatMap((place) => [
    `${place}/systemd/system/${UNIT}`,
    `${place}/systemd/system/${UNIT}.d`,
  ]);

/** A file under the name that it was given, and where it really is. */
function bothPaths(file: string): readonly string[] {
  const path = resolve(file);
  try {
    return [path, realpathSync(path)];
  } catch {
    return [path];
  }
}

/** As Scores name these paths; those outside of the root none can reach. */
export const withinRoot = (paths: readonly string[], root: string): readonly string[] =>
  root === "/" ? paths : paths.flatMap((path) => (path.startsWith(`${root}/`) ? [path.slice(root.length)] : []));
