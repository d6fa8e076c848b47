import * as z from "zod";
import type { FakeInterface } from "../../../src/testing/fake-network-configurator.ts";
import { networkInterfaceWorldAt } from "../../../src/testing/network-interface-world.ts";
import { keep, often } from "./keep.ts";
import { SITE, TOLD } from "./networkd-site.ts";
import { openRealInterfaces, prepare } from "./real-interfaces.ts";

/** Puts NetworkInterface to its contract on the systemd-networkd of this machine, which is thrown away after it. */

prepare();
const [, , how = "{}"] = process.argv;
const { runs, ...part } = z.parse(z.object({ runs: z.number(), nth: z.number(), of: z.number() }), JSON.parse(how));
const world = networkInterfaceWorldAt(SITE, openRealInterfaces);

/**
 * What the link is before Harmony's first profile is what the removal of it leads back to, disturbed or not.
 *
 * One without an address that a file marks as unmanaged is left out: systemd-networkd describes it exactly as one that no
 * file names, so that the adapter does not refuse it. It tries its change, which is then taken back (`RolledBack`).
 */
function possible(each: FakeInterface): FakeInterface {
  if (each.own !== undefined && each.own !== null) return each;
  return { ...each, live: {}, managed: true };
}

await keep(
  {
    ...world,
    left(spec: Parameters<typeof world.left>[0], now: Parameters<typeof world.left>[1], made: ReadonlySet<string>) {
      const left = world.left(spec, now, made);
      const name = `live:${spec.name}`;
      const [before, after] = [now[name], left[name]];
      if (typeof before !== "object" || typeof after !== "object" || !("dns" in before)) return left;
      // Somebody told systemd-networkd itself of these, past all files: they are his, and of no profile.
      return before.dns.includes(TOLD) ? { ...left, [name]: { ...after, dns: before.dns } } : left;
    },
    devices: (spec: Parameters<typeof world.devices>[0]) =>
      world
        .devices(spec)
        .map((there) => Object.fromEntries(Object.entries(there).map(([name, each]) => [name, possible(each)]))),
  },
  { runs: often(runs), faults: 1, part },
);
