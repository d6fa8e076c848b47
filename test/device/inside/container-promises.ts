import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { systemClock } from "../../../src/agent/adapters/system-clock.ts";
import { ContainerScore } from "../../../src/scores/container.ts";
import { interpret } from "../../../src/scores/interpret.ts";
import { writtenFor } from "../../../src/testing/container-site.ts";
import { containerWorldAt } from "../../../src/testing/container-world.ts";
import { keep } from "./keep.ts";
import { countReloads } from "./listener.ts";
import { install, openRealContainers } from "./real-containers.ts";
import { report } from "./report.ts";

/** Puts Container to its contract on the podman of this machine. The first argument: which half of it, 0 or 1. */

const [, , half = "0"] = process.argv;
const site = await install();
const world = containerWorldAt(site, (device) => openRealContainers(site, device));
await keep(world, { runs: () => 1, faults: 1, part: { nth: Number(half), of: 2 } });

/** All that a look could have left: other files, another container, another start. */
const everything = (): string =>
  execFileSync(
    "sh",
    [
      "-ec",
      "stat -c '%n %i %y %z' /etc/containers/systemd/web.container /run/systemd/generator/web.service; " +
        "podman inspect web --format '{{.Id}} {{.State.StartedAt}}'",
    ],
    { encoding: "utf8" },
  );

if (half === "0") {
  await report(
    "adapter: what is as it should be is found so, and nothing is written, started or read again",
    async () => {
      const place = await openRealContainers(site, { images: {}, containers: {} });
      const { reloads, close } = await countReloads();
      try {
        const [web] = writtenFor(site);
        assert(web !== undefined);
        const score = new ContainerScore(web.spec);
        const run = async (): Promise<string> => {
          const { signal } = new AbortController();
          const quiet = { log: () => {}, superseded: () => false, claim: () => Promise.resolve() };
          return (await interpret(score, { ports: place.ports, clock: systemClock, stop: signal, ...quiet })).outcome;
        };
        assert.equal(await run(), "SUCCESS");
        await sleep(50);
        assert.equal(reloads(), 1);
        const before = everything();
        for (let again = 0; again < 3; again += 1) assert.equal(await run(), "NOOP");
        await sleep(50);
        assert.equal(reloads(), 1);
        assert.equal(everything(), before);
      } finally {
        close();
        await place.close?.();
      }
    },
  );
}
