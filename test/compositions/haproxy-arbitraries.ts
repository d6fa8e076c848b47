import * as fc from "fast-check";
import type { HaproxyInput } from "../../src/compositions/haproxy-spec.ts";

/** Any services that the spec accepts. */

const name = fc.stringMatching(/^[a-z0-9][a-z0-9-]{0,14}$/);
const port = fc.integer({ min: 1, max: 65_535 });
const address = fc.oneof(fc.ipV4(), fc.ipV6());
const milliseconds = fc.integer({ min: 1, max: 86_400_000 });
const path = fc.stringMatching(/^\/[A-Za-z0-9._~!$&()*+,;=:@%/?-]{0,30}$/);
const times = {
  intervalMs: milliseconds,
  rise: fc.integer({ min: 1, max: 256 }),
  fall: fc.integer({ min: 1, max: 256 }),
};

const server = fc.record(
  { address, port, weight: fc.integer({ min: 1, max: 256 }), backup: fc.boolean() },
  { requiredKeys: ["address", "port"] },
);
const service = fc.record(
  {
    address,
    port,
    mode: fc.constantFrom("tcp" as const, "http" as const),
    balance: fc.constantFrom("roundrobin" as const, "leastconn" as const, "source" as const),
    check: fc.oneof(
      fc.record({ by: fc.constant("tcp" as const), ...times }, { requiredKeys: ["by"] }),
      fc.record({ by: fc.constant("http" as const), path, ...times }, { requiredKeys: ["by", "path"] }),
    ),
    servers: fc.dictionary(name, server, { minKeys: 1, maxKeys: 4, noNullPrototype: true }),
  },
  { requiredKeys: ["port", "servers"] },
);
const services = fc.dictionary(name, service, { maxKeys: 4, noNullPrototype: true });

/** Without two services of one name, or at one socket, or a private one behind an open port. */
export const anyServices: fc.Arbitrary<HaproxyInput> = fc
  .record({ publicServices: services, privateServices: services })
  .map(({ publicServices, privateServices }) => {
    let next = 1;
    const apart = <S>(
      given: Readonly<Record<string, S>>,
      prefix: string,
    ): Record<string, S & { readonly port: number }> =>
      Object.fromEntries(Object.entries(given).map(([id, each]) => [`${prefix}${id}`, { ...each, port: (next += 1) }]));
    return { publicServices: apart(publicServices, "p"), privateServices: apart(privateServices, "q") };
  })
  .filter(({ publicServices, privateServices }) => Object.keys({ ...publicServices, ...privateServices }).length > 0);
