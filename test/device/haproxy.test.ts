import * as fc from "fast-check";
import { beforeAll, expect, test } from "vitest";
import { HaproxySpec } from "../../src/compositions/haproxy-spec.ts";
import { haproxyText } from "../../src/compositions/haproxy-text.ts";
import { anyServices } from "../compositions/haproxy-arbitraries.ts";
import { onMachines, suiteMachines } from "./machine/for-tests.ts";
import type { Machine } from "./machine/machine.ts";

const SEED = 20_261_123;

onMachines("HAProxy", () => {
  const boot = suiteMachines();
  let machine: Machine;
  beforeAll(async () => {
    machine = await boot({ name: "haproxy" });
    await machine.run(["apt-get", "install", "--yes", "-qq", "haproxy"], { timeoutMs: 120_000 });
  });

  test("takes each of many configurations without a warning", { tags: ["packages"] }, async () => {
    const texts = fc
      .sample(anyServices, { numRuns: 100, seed: SEED })
      .map((given) => haproxyText(HaproxySpec.parse(given)));
    for (const [at, text] of texts.entries()) await machine.writeFile(`/tmp/configurations/${at}.cfg`, text);
    // With -dW a warning is an error.
    const script =
      'for file in /tmp/configurations/*.cfg; do haproxy -c -dW -f "$file" >/dev/null 2>&1 || echo "exit $? for $file"; done';
    expect(await machine.run(["sh", "-c", script], { timeoutMs: 60_000 })).toBe("");
  });
});
