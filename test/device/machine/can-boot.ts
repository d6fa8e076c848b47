import { access, constants } from "node:fs/promises";
import { run } from "./run.ts";

/** What a machine needs of the kernel, in namespaces that end with the script. */
const rehearsal = `
set -eu
mount -t tmpfs tmpfs /tmp
mkdir /tmp/lower /tmp/upper /tmp/work /tmp/root
mount -t overlay -o lowerdir=/tmp/lower,upperdir=/tmp/upper,workdir=/tmp/work overlay /tmp/root
mount -t sysfs sysfs /sys
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mkdir /sys/fs/cgroup/harmony-device-rehearsal.$$
rmdir /sys/fs/cgroup/harmony-device-rehearsal.$$
`;

/** Whether test machines can boot here: true, or one sentence that says why not. Changes nothing. */
export async function canBoot(): Promise<true | string> {
  if (process.platform !== "linux") return `test machines boot on Linux only, and this is ${process.platform}.`;
  if (process.getuid?.() !== 0) return "booting a test machine takes root, and this is an ordinary user.";
  if (!(await isInstalled("systemd-nspawn")) && !(await isInstalled("apt-get"))) {
    return "systemd-nspawn is not installed, and there is no apt-get to install it with.";
  }
  const ran = await run(["unshare", "--mount", "--net", "--pid", "--fork", "sh", "-c", rehearsal]).catch(String);
  if (typeof ran === "string") return `${ran}.`;
  if (ran.code === 0) return true;
  const [why = ""] = ran.err.trim().split("\n");
  return `root lacks rights or the kernel lacks features that a test machine needs (${why.replace(/\.$/, "")}).`;
}

/** Looked for in PATH, and in the two folders that a PATH of others than root may lack. */
export async function isInstalled(program: string): Promise<boolean> {
  const folders = [...(process.env["PATH"] ?? "").split(":"), "/usr/sbin", "/sbin"];
  const found = await Promise.all(
    folders.map(async (folder) =>
      access(`${folder}/${program}`, constants.X_OK).then(
        () => true,
        () => false,
      ),
    ),
  );
  return found.includes(true);
}
