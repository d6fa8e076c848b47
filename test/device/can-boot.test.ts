import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, onTestFinished, test, vi } from "vitest";
import { canBoot } from "./machine/can-boot.ts";

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
});

test("says that an ordinary user cannot boot machines", async () => {
  vi.spyOn(process, "getuid").mockReturnValue(1000);
  expect(await canBoot()).toBe("booting a test machine takes root, and this is an ordinary user.");
});

test("says what the kernel refused", async () => {
  vi.spyOn(process, "getuid").mockReturnValue(0);
  const folder = await mkdtemp(join(tmpdir(), "harmony-test-"));
  onTestFinished(async () => rm(folder, { recursive: true }));
  for (const program of ["systemd-nspawn", "unshare"]) {
    await writeFile(join(folder, program), "#!/bin/sh\necho 'mount: no such device' >&2\nexit 32\n");
    await chmod(join(folder, program), 0o755);
  }
  vi.stubEnv("PATH", `${folder}:${process.env["PATH"]}`);
  expect(await canBoot()).toMatch(/^root lacks rights or the kernel lacks features .* \(mount: no such device\)\.$/);
});
