import type { Reporter, TestModule } from "vitest/node";

/** What a fake stands for in the other tests; the tags of these tests. */
export const realThings = ["systemd", "podman", "network", "packet-filter", "packages", "files", "shell"] as const;

/** Ends a run with one line: how many tests ran on each of the real things. */
export class RealThings implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const ran = modules
      .flatMap((module) => [...module.children.allTests()])
      .filter((test) => ["passed", "failed"].includes(test.result().state));
    const counts = realThings.map((thing) => `${ran.filter(({ tags }) => tags.includes(thing)).length} on ${thing}`);
    process.stdout.write(`\non the real thing: ${counts.join(", ")}\n`);
  }
}
