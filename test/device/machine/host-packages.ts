import { isInstalled } from "./can-boot.ts";
import { type Say, secondsSince } from "./progress.ts";
import { succeed } from "./run.ts";

/** Programs that building and booting take, and the Debian package of each. */
const needed: readonly (readonly [program: string, debianPackage: string])[] = [
  ["debootstrap", "debootstrap"],
  ["systemd-nspawn", "systemd-container"],
  ["ip", "iproute2"],
  ["flock", "util-linux"],
  ["nsenter", "util-linux"],
  ["setpriv", "util-linux"],
  ["unshare", "util-linux"],
];

const installDeadlineMs = 300_000;

/** Installs with apt-get what this host lacks. @throws Error with a sentence */
export async function installHostPackages(say: Say, signal: AbortSignal): Promise<void> {
  const missing = new Set<string>();
  for (const [program, debianPackage] of needed) if (!(await isInstalled(program))) missing.add(debianPackage);
  if (missing.size === 0) return;
  const started = performance.now();
  say(`installing ${[...missing].join(", ")} with apt-get`);
  const options = { signal, timeoutMs: installDeadlineMs, env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" } };
  await succeed(["apt-get", "-qq", "update"], options);
  // The keyring with which debootstrap checks what it downloads; Ubuntu has it in a package of its own.
  const install = ["apt-get", "-qq", "install", "-y", "--no-install-recommends", "debian-archive-keyring"];
  await succeed([...install, ...missing], options);
  say(`installed in ${secondsSince(started)}`);
}
