import { isIP } from "node:net";
import * as z from "zod";
import { AgentId } from "../../wire/keys.ts";
import { GUESTS } from "../../wire/nats/grants.ts";
import { UserKey } from "../../wire/nats/nkey.ts";
import { SealingKey } from "../../wire/secrets/sealed.ts";

/** A host that clients dial: it stands in the certificate and in addresses. */
export const HostName = z
  .string()
  .refine(
    (text) => isIP(text) !== 0 || /^(?=.{1,253}$)[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/i.test(text),
    "a host is a name or an address, without a port",
  );

const At = z.iso.datetime();
/** Seconds that a key is good for; left out where it has no end. */
const Life = z.int().min(1);

/** How long a key of somebody is good for. Without any of it, for ever. */
const Term = z.strictObject({
  /** When the life of the present key began; left out: when its holder came. */
  since: At.exactOptional(),
  notAfter: At.exactOptional(),
  /** What the next key is given. */
  lifeSeconds: Life.exactOptional(),
  /** Its end has passed: no server lets it in. */
  ended: z.literal(true).exactOptional(),
});
export type Term = z.infer<typeof Term>;

const Member = z.strictObject({
  key: UserKey,
  acceptedAt: At,
  /** The pair that it is a member of, whose manifest it may take over. */
  pair: AgentId.exactOptional(),
  /** What its secrets are sealed for, as the device itself showed it. */
  sealingKey: SealingKey.exactOptional(),
  ...Term.shape,
  /** The key that will take the place of the present one: let in beside it until that is confirmed. */
  next: z.strictObject({ key: UserKey, askedAt: At }).exactOptional(),
});
export type Member = z.infer<typeof Member>;

const Person = z.strictObject({
  ...Term.shape,
  /** The key before, which is let in until then. */
  former: z.strictObject({ key: UserKey, notAfter: At }).exactOptional(),
});
export type Person = z.infer<typeof Person>;

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
  /** Of devices that are accepted from now on. */
  keyLifeSeconds: Life.exactOptional(),
  /** Until when the keys of people are good. The operator's and the system's stay with the server, and have no end. */
  people: z.partialRecord(z.enum(GUESTS), Person).exactOptional(),
  agents: z.record(AgentId, Member),
});
export type FleetDescription = z.infer<typeof FleetDescription>;
