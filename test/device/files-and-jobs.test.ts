import { beforeAll } from "vitest";
import { directoryWorld } from "../../src/testing/directory-world.ts";
import { fileWorld } from "../../src/testing/file-world.ts";
import { shellJobWorld } from "../../src/testing/shell-job-world.ts";
import { onMachines, suiteMachines } from "./machine/for-tests.ts";
import { type Kept, promisesOn, testsOfPromises } from "./promises.ts";

/** Cases for each promise. */
const FILES = 50;
const JOBS = 20;

onMachines("files and jobs, on a booted Debian 13", () => {
  const boot = suiteMachines();
  let kept: readonly Kept[] = [];

  beforeAll(async () => {
    const files = promisesOn(await boot({ name: "files" }), "files.ts", String(FILES));
    const jobs = promisesOn(await boot({ name: "jobs" }), "jobs.ts", String(JOBS));
    kept = (await Promise.all([files, jobs])).flat();
  }, 300_000);

  testsOfPromises(fileWorld, "files", () => kept);
  testsOfPromises(directoryWorld, "files", () => kept);
  testsOfPromises(shellJobWorld, "shell", () => kept);
});
