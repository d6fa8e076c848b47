import { readdirSync, readFileSync } from "node:fs";

/** MiB that a process holds: all of it, and the part that no file backs, which a machine without swap cannot take back. */
export function memoryOf(pid: number): { readonly rss: number; readonly anonymous: number } {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
  const mib = (name: string): number => Number(new RegExp(`^${name}: +(\\d+) kB`, "m").exec(text)?.[1]) / 1024;
  return { rss: mib("Rss"), anonymous: mib("Anonymous") };
}

/**
 * Milliseconds that a process has spent on a processor, in and out of the kernel. Where the kernel tells it, to the
 * nanosecond for each thread (schedstat); else in the clock ticks of 10 ms of /proc/PID/stat.
 */
export function cpuMsOf(pid: number): number {
  try {
    return readdirSync(`/proc/${pid}/task`)
      .map((task) => Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, "utf8").split(" ", 1)[0]) / 1e6)
      .reduce((sum, ms) => sum + ms, 0);
  } catch {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
      .replace(/^.*\) /, "")
      .split(" ");
    return (Number(fields[11]) + Number(fields[12])) * 10;
  }
}
