import type { TestProject } from "vitest/node";
import { canBoot } from "./machine/can-boot.ts";
import { findOrBuildImage } from "./machine/image.ts";
import { say } from "./machine/progress.ts";
import { removeCgroups } from "./machine/yard.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** One sentence; empty where test machines can boot. */
    readonly whyNoMachine: string;
  }
}

/** Once before all tests: clears what a killed run left, and makes the image, so that no test has to wait for it. */
export async function setup(project: TestProject): Promise<void> {
  const possible = await canBoot();
  project.provide("whyNoMachine", possible === true ? "" : possible);
  if (possible === true) {
    await removeCgroups();
    // Killed with this process, so nothing needs to be stopped by a signal.
    await findOrBuildImage(say, new AbortController().signal);
  } else {
    say(`every test is skipped: ${possible}`);
  }
}
