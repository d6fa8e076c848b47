import http from "node:http";
import net from "node:net";
import type { Probe, Probed } from "../../capabilities/container-runtime.ts";

/** Where a container is reached from this host. */
export interface Reached {
  /** Of the container, so that another one of the same name begins anew. */
  readonly id: string;
  readonly address: string;
}

interface Kept {
  readonly id: string;
  readonly since: number;
  at: number;
  failures: number;
  why: string | null;
  wasWell: boolean;
}

/** Asks containers from outside, and keeps count. Takes some microseconds of this process, where podman would start one. */
export class ContainerProbes {
  readonly #kept = new Map<string, Kept>();

  /** Looks, where the last look is an interval ago, or `now`. */
  async look(name: string, { id, address }: Reached, probe: Probe, now: boolean, signal: AbortSignal): Promise<Probed> {
    const known = this.#kept.get(name);
    const kept =
      known?.id === id
        ? known
        : { id, since: performance.now(), at: -Infinity, failures: 0, why: null, wasWell: false };
    this.#kept.set(name, kept);
    if (now || performance.now() - kept.at >= probe.interval * 1000) {
      kept.why = await ask(address, probe, signal);
      kept.at = performance.now();
      kept.failures = kept.why === null ? 0 : kept.failures + 1;
      kept.wasWell ||= kept.why === null;
    }
    return { health: verdict(kept, probe), why: kept.why };
  }

  /** The container did not come to be well in the time that it had. */
  giveUp(name: string, { retries }: Probe): void {
    const kept = this.#kept.get(name);
    if (kept !== undefined) kept.failures = Math.max(kept.failures, retries);
  }

  forget(name: string): void {
    this.#kept.delete(name);
  }
}

function verdict({ failures, wasWell, since }: Kept, { retries, startPeriod }: Probe): Probed["health"] {
  if (failures === 0) return "healthy";
  const isYoung = !wasWell && performance.now() - since < startPeriod * 1000;
  if (failures >= retries && !isYoung) return "unhealthy";
  return wasWell ? "healthy" : "starting";
}

/** Null: well. Else why not, as it ends a sentence. */
async function ask(address: string, probe: Probe, signal: AbortSignal): Promise<string | null> {
  const within = AbortSignal.any([signal, AbortSignal.timeout(probe.timeout * 1000)]);
  try {
    return probe.type === "tcp" ? await connect(address, probe.port, within) : await get(address, probe, within);
  } catch (error) {
    if (within.aborted) return `no answer from port ${probe.port} within ${probe.timeout} s`;
    return error instanceof Error ? error.message : String(error);
  }
}

const connect = (host: string, port: number, signal: AbortSignal): Promise<null> =>
  new Promise((resolve, reject) => {
    const socket = net.connect({ host, port });
    const give = (): void => void socket.destroy(new Error("given up"));
    signal.addEventListener("abort", give, { once: true });
    socket.on("close", () => signal.removeEventListener("abort", give));
    socket.on("error", reject);
    socket.on("connect", () => {
      socket.destroy();
      resolve(null);
    });
  });

const get = (
  host: string,
  { port, path }: Extract<Probe, { type: "http" }>,
  signal: AbortSignal,
): Promise<string | null> =>
  new Promise((resolve, reject) => {
    const request = http.get({ host, port, path, signal, agent: false }, (response) => {
      const { statusCode = 0 } = response;
      // What it says beyond that may never end.
      response.destroy();
      resolve(statusCode >= 200 && statusCode < 400 ? null : `${path} answered with status ${statusCode}`);
    });
    request.on("error", reject);
  });
