import { containerWorldAt } from "../../../src/testing/container-world.ts";
import { keep, often } from "./keep.ts";
import { install, openRealContainers } from "./real-containers.ts";

/** Puts Container to its contract on the podman of this machine. The first argument: how many cases. */

const [, , runs = "1"] = process.argv;
const site = await install();
const world = containerWorldAt(site, (device) => openRealContainers(site, device));
await keep(world, { runs: often(Number(runs)), faults: 2 });
