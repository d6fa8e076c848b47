import { type ChildProcess, spawn } from "node:child_process";

const AGAIN_MS = 5000;

/**
 * Tells of changes of links, addresses and routes as the kernel makes them, whoever asked for them. One `ip monitor` for
 * all watchers, there while there are any: it sleeps until the kernel has something to say.
 */
export class KernelMonitor {
  readonly #watchers = new Map<string, Set<() => void>>();
  #child: ChildProcess | null = null;
  #again: NodeJS.Timeout | undefined;

  watch(name: string, changed: () => void): () => void {
    const watchers = this.#watchers.get(name) ?? new Set();
    this.#watchers.set(name, watchers);
    const own = (): void => changed();
    watchers.add(own);
    this.#start();
    return () => {
      watchers.delete(own);
      if (watchers.size === 0) this.#watchers.delete(name);
      if (this.#watchers.size === 0) this.#stop();
    };
  }

  close(): void {
    this.#watchers.clear();
    this.#stop();
  }

  #start(): void {
    if (this.#child !== null || this.#watchers.size === 0) return;
    clearTimeout(this.#again);
    const child = spawn("ip", ["-o", "monitor", "link", "address", "route"], {
      cwd: "/",
      env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C" },
      stdio: ["ignore", "pipe", "ignore"],
    });
    this.#child = child;
    let rest = "";
    child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
      const lines = (rest + chunk).split("\n");
      rest = lines.pop() ?? "";
      this.#heard(lines);
    });
    const ended = (): void => {
      if (this.#child !== child) return;
      this.#child = null;
      // What came in between was missed, so all are told once it runs again.
      this.#again = setTimeout(() => {
        this.#start();
        for (const watchers of this.#watchers.values()) for (const tell of watchers) tell();
      }, AGAIN_MS);
      this.#again.unref();
    };
    child.on("error", ended);
    child.on("exit", ended);
    // The agent may end without having closed it; it then ends at the next thing that it has to say.
    child.unref();
  }

  #stop(): void {
    clearTimeout(this.#again);
    const child = this.#child;
    this.#child = null;
    child?.kill("SIGTERM");
  }

  /** A line names the interface after its number (`2: eth0`, `eth0@if3:`) or after `dev`. */
  #heard(lines: readonly string[]): void {
    const words = new Set(lines.flatMap((line) => line.split(/[\s:@]+/)));
    for (const [name, watchers] of this.#watchers) if (words.has(name)) for (const tell of watchers) tell();
  }
}
