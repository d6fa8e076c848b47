import { isIP } from "node:net";
import * as z from "zod";
import { AgentId } from "../../wire/keys.ts";
import { UserKey } from "../../wire/nats/nkey.ts";
import { SealingKey } from "../../wire/secrets/sealed.ts";

/** A host that clients dial: it stands in the certificate and in addresses. */
export const HostName = z
  .string()
  .refine(
    (text) => isIP(text) !== 0 || /^(?=.{1,253}$)[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/i.test(text),
    "a host is a name or an address, without a port",
  );

/**
 * What a server has to know of a fleet: who may do what. It holds no secret. The server's configuration is rendered
 * from it, never edited.
 */
export const FleetDescription = z.strictObject({
  version: z.literal(1),
  /** Where the server listens: an address of its machine, `0.0.0.0` or `::` for all of them. */
  listen: z.strictObject({ address: HostName, port: z.int().min(1).max(65_535) }),
  /** The hosts by which clients dial it; at least one. */
  hosts: z.array(HostName).min(1),
  keys: z.strictObject({ system: UserKey, operator: UserKey, author: UserKey, viewer: UserKey, dashboard: UserKey }),
  /** `pair`: the pair that it is a member of, whose manifest it may take over. */
  agents: z.record(
    AgentId,
    z.strictObject({
      key: UserKey,
      acceptedAt: z.iso.datetime(),
      pair: AgentId.optional(),
      /** What its secrets are sealed for, as the device itself showed it. */
      sealingKey: SealingKey.optional(),
    }),
  ),
});
export type FleetDescription = z.infer<typeof FleetDescription>;
