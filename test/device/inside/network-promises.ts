import { networkInterfaceWorldAt } from "../../../src/testing/network-interface-world.ts";
import { keep, often } from "./keep.ts";
import { SITE } from "./networkd-site.ts";
import { openRealInterfaces, switchUplinkOff } from "./real-interfaces.ts";

/** Puts NetworkInterface to its contract on the systemd-networkd of this machine, which is thrown away after it. */

switchUplinkOff();
const [, , runs = "1"] = process.argv;
const world = networkInterfaceWorldAt(SITE, openRealInterfaces);
await keep(
  {
    ...world,
    // What the link is before Harmony's first profile is what the removal of it leads back to, disturbed or not.
    devices: (spec: Parameters<typeof world.devices>[0]) =>
      world
        .devices(spec)
        .map((there) =>
          Object.fromEntries(
            Object.entries(there).map(([name, each]) => [
              name,
              each.own === undefined || each.own === null ? { ...each, live: {} } : each,
            ]),
          ),
        ),
  },
  { runs: often(Number(runs)), faults: 1 },
);
