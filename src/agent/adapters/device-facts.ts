import { readFileSync } from "node:fs";
import { arch, cpus, release, totalmem } from "node:os";
import type { CapabilitiesDocument } from "../../wire/status.ts";

/** What the device is, as far as it says so. Reads a few small files. */
export const deviceFacts = (): NonNullable<CapabilitiesDocument["device"]> => ({
  architecture: arch(),
  memoryBytes: totalmem(),
  processors: cpus().length,
  // The firmware's text ends with a NUL.
  model: textOf("/proc/device-tree/model")?.replaceAll("\0", "").trim() ?? null,
  operatingSystem: prettyName(textOf("/etc/os-release") ?? textOf("/usr/lib/os-release") ?? ""),
  kernel: release(),
});

function textOf(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return null;
  }
}

/** https://www.freedesktop.org/software/systemd/man/latest/os-release.html */
export function prettyName(osRelease: string): string | null {
  const [, quoted = null] = /^PRETTY_NAME=(.*)$/m.exec(osRelease) ?? [];
  return quoted === null ? null : quoted.replace(/^(["'])(.*)\1$/, "$2");
}
