import { FleetDescription } from "../../../src/cli/fleet-setup/description.ts";
import { accountsConfig } from "../../../src/cli/fleet-setup/server-config.ts";
import { credentialsFile } from "../../../src/wire/nats/credentials.ts";
import { makeUserKey } from "../../../src/wire/nats/nkey.ts";

const ROLES = ["system", "operator", "author", "viewer", "dashboard"] as const;

/** The accounts and rights of a fleet, as `harmony fleet init` makes them, and everybody's credentials. */
export interface FleetAccounts {
  readonly config: string;
  /** What is in the credentials file of a role, or of an agent by its id. */
  readonly creds: (who: string) => string;
  readonly seed: (who: string) => string;
}

export function fleetAccounts(agents: readonly string[]): FleetAccounts {
  const keys = new Map([...ROLES, ...agents].map((who) => [who, makeUserKey()]));
  const key = (who: string): string => keys.get(who)?.publicKey ?? "";
  const fleet = FleetDescription.parse({
    version: 1,
    listen: { address: "127.0.0.1", port: 4222 },
    hosts: ["localhost"],
    keys: Object.fromEntries(ROLES.map((role) => [role, key(role)])),
    agents: Object.fromEntries(agents.map((id) => [id, { key: key(id), acceptedAt: "2026-01-01T00:00:00.000Z" }])),
  });
  const seed = (who: string): string => keys.get(who)?.seed ?? "";
  return { config: accountsConfig(fleet), creds: (who) => credentialsFile(seed(who), null), seed };
}
