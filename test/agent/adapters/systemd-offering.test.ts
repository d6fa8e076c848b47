import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { NodeFileSystem } from "../../../src/agent/adapters/node-file-system.ts";
import { SystemdOffering } from "../../../src/agent/adapters/systemd-offering.ts";

/** A host without a system bus. What is found where there is one, the device tests show. */
function offering(bootedBy: string): SystemdOffering {
  const root = mkdtempSync(join(tmpdir(), "harmony-test-systemd-"));
  const files = new NodeFileSystem({ root });
  const made = new SystemdOffering({ files, address: `unix:path=${root}/no-bus`, bootedBy: () => bootedBy });
  onTestFinished(() => {
    made.close();
    files.close();
    rmSync(root, { recursive: true });
  });
  return made;
}

test.each([
  ["what something else started", "tini", "systemd as process 1 not found"],
  ["what tells nothing of process 1", "", "systemd as process 1 not found"],
  ["a systemd without a bus", "systemd", "systemd on the system bus not found"],
])("%s has no SystemdHost, for the same reason each time", async (_, bootedBy, reason) => {
  const { signal } = new AbortController();
  const found = offering(bootedBy);
  expect(await found.detect(signal)).toEqual({ _tag: "Absent", reason });
  expect(await found.detect(signal)).toEqual({ _tag: "Absent", reason });
});
