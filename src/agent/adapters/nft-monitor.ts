import { type ChildProcess, spawn } from "node:child_process";
import { TABLE } from "./nft-rules.ts";

/** Between the end of one `nft monitor` and the start of the next. */
const AGAIN_MS = 10_000;

/**
 * Tells of changes to the table, by one `nft monitor` for all who want to know; without them there is none. It takes 0.7 MiB
 * of memory of its own. Should it end, it is started again, and what was missed meanwhile is told once.
 */
export class NftMonitor {
  readonly #listeners = new Set<() => void>();
  #child: ChildProcess | undefined;
  #again: NodeJS.Timeout | undefined;

  watch(changed: () => void): () => void {
    // A function of its own for each call, so that two of them with the same listener are two.
    const listener = (): void => changed();
    this.#listeners.add(listener);
    if (this.#child === undefined && this.#again === undefined) this.#start();
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size === 0) this.close();
    };
  }

  close(): void {
    clearTimeout(this.#again);
    this.#again = undefined;
    this.#listeners.clear();
    this.#child?.kill();
    this.#child = undefined;
  }

  #start(): void {
    const child = spawn("nft", ["-j", "monitor"], {
      cwd: "/",
      env: { PATH: "/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin", LC_ALL: "C" },
      stdio: ["ignore", "pipe", "ignore"],
    });
    this.#child = child;
    const mark = `"${TABLE.name}"`;
    let tail = "";
    child.stdout.on("data", (chunk: Buffer) => {
      const text = tail + chunk.toString("latin1");
      // A chunk may end in the middle of the name.
      tail = text.slice(-mark.length + 1);
      if (text.includes(mark)) this.#tell();
    });
    let isOver = false;
    const over = (): void => {
      if (isOver || this.#child !== child) return;
      isOver = true;
      this.#child = undefined;
      this.#again = setTimeout(() => {
        this.#again = undefined;
        this.#start();
        this.#tell();
      }, AGAIN_MS);
    };
    // Not there, or not to be started: looked for again, because packages come.
    child.on("error", over);
    child.on("close", over);
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}
