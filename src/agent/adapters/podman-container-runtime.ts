import { setTimeout as sleep } from "node:timers/promises";
import type {
  ContainerRuntime,
  ContainerSeen,
  ImageArchive,
  QuadletFile,
  StartOptions,
} from "../../capabilities/container-runtime.ts";
import type { Probe, Probed } from "../../capabilities/probe.ts";
import type { Clock } from "../../scores/context.ts";
import { Probing } from "../../scores/probing.ts";
import type { FileSystemHost } from "../../capabilities/file-system-host.ts";
import type { ResourceController, SystemdHost, UnitState } from "../../capabilities/systemd-host.ts";
import { askOnce } from "./asking.ts";
import { Libpod } from "./libpod.ts";
import { findContainer, type Found, removeContainer } from "./podman-containers.ts";
import { ImageArchives } from "./podman-archives.ts";
import { PodmanImages } from "./podman-images.ts";
import { listSecrets, makeSecret, removeSecret } from "./podman-secrets.ts";
import { QuadletFiles, quadletPath } from "./quadlet-files.ts";
import { SystemBus } from "./system-bus.ts";
import { systemClock } from "./system-clock.ts";
import { asPortError, jobFailed } from "./systemd-errors.ts";

const RELOAD_MS = 60_000;
/** What podman told of a container that runs on is believed so long; what else it does is told by systemd. */
const BELIEVED_MS = 5 * 60_000;
const PROBE_AGAIN_MS = 1000;
const GENERATED = "/run/systemd/generator/";

/** What podman tells at one look. */
type Told = Pick<ContainerSeen, "image" | "kept" | "missingSecrets" | "ownSecrets"> & {
  readonly container: Found | null;
};

interface Remembered {
  readonly key: string;
  readonly at: number;
  readonly told: Told;
}

/**
 * Podman, with systemd as what starts and restarts: a container is a Quadlet file, and its service keeps it running
 * without the agent. Podman's API is asked on demand, so nothing of it stays in memory; while a container runs on it is
 * not asked at all.
 */
export class PodmanContainerRuntime implements ContainerRuntime {
  readonly #supervisor: SystemdHost;
  readonly #address: string | undefined;
  readonly #quadlets: QuadletFiles;
  readonly #podman: Libpod;
  readonly #images: PodmanImages;
  readonly #archives: ImageArchives;
  readonly #probing: Probing;
  /** Where each container that is probed is reached from this host. */
  readonly #addresses = new Map<string, string>();
  readonly #remembered = new Map<string, Remembered>();

  constructor(options: {
    readonly files: FileSystemHost;
    readonly supervisor: SystemdHost;
    /** Of the system bus; default the system's own. */
    readonly busAddress?: string | undefined;
    /** Of podman's API; default the system's own. */
    readonly socket?: string | undefined;
    /** Default: the machine's own. */
    readonly clock?: Clock | undefined;
  }) {
    this.#probing = new Probing(options.clock ?? systemClock, (name, question, ending) =>
      askOnce(question, this.#addresses.get(name) ?? "", ending),
    );
    this.#supervisor = options.supervisor;
    this.#address = options.busAddress;
    this.#quadlets = new QuadletFiles(options.files);
    this.#podman = new Libpod({
      socket: options.socket,
      open: (signal) => this.#supervisor.start("podman.socket", { steadyMs: 0 }, signal),
    });
    this.#images = new PodmanImages(this.#podman);
    this.#archives = new ImageArchives(this.#podman, this.#images);
  }

  /** What podman says of itself and the host. Its API runs outside of whatever the agent's own service is kept from. */
  async info(signal: AbortSignal): Promise<unknown> {
    const { body } = await this.#podman.call("GET", "/info", "Asking podman about this host", signal);
    return body;
  }

  quadletFile(name: string): QuadletFile {
    return this.#quadlets.read(name);
  }

  controllers(): readonly ResourceController[] {
    return this.#supervisor.controllers();
  }

  async container(
    name: string,
    about: { readonly image: string; readonly secrets: readonly string[] },
    signal: AbortSignal,
  ): Promise<ContainerSeen> {
    const [service] = await this.#supervisor.units([serviceOf(name)], signal);
    if (service === undefined) throw new Error(`the supervisor told nothing of ${serviceOf(name)}`);
    const told = await this.#ask(name, service, about, signal);
    return {
      ...told,
      service,
      serviceFrom: this.#foreignSource(name, service),
      needsReload: this.#quadlets.isUnread(name, this.#quadlets.read(name)),
    };
  }

  async probe(name: string, probe: Probe, signal: AbortSignal): Promise<Probed> {
    const known = this.#remembered.get(name)?.told.container;
    const found = known ?? (await findContainer(this.#podman, name, signal));
    if (found === null || found.address === null) {
      return { health: "starting", why: "it has no address that this device reaches", restMs: 0, revived: null };
    }
    this.#addresses.set(name, found.address);
    return this.#probing.look(name, "health", probe, { id: found.id, ageMs: 0 });
  }

  watch(name: string, probe: Probe | null, changed: () => void): () => void {
    const stops = [this.#supervisor.watch(serviceOf(name), changed), this.#quadlets.watch(name, changed)];
    if (probe !== null) stops.push(this.#probing.watch(name, changed));
    return () => stops.forEach((stop) => stop());
  }

  async pull(name: string, image: string, progress: (line: string) => void, signal: AbortSignal): Promise<void> {
    this.#remembered.delete(name);
    await this.#images.pull(name, image, progress, signal);
  }

  async load(name: string, archive: ImageArchive, signal: AbortSignal): Promise<void> {
    this.#remembered.delete(name);
    await this.#archives.load(name, archive, signal);
  }

  async keep(name: string, image: string, signal: AbortSignal): Promise<void> {
    this.#remembered.delete(name);
    await this.#images.keep(name, image, signal);
  }

  async release(name: string, digest: string, signal: AbortSignal): Promise<void> {
    this.#remembered.delete(name);
    const file = this.#quadlets.read(name);
    if (file.type === "file" && file.text?.includes(`@${digest}\n`) === true) return;
    const isDefinedBy = (references: readonly string[]): boolean => this.#quadlets.isUsedByOthers(name, references);
    await this.#images.release(name, digest, isDefinedBy, signal);
  }

  async writeSecret(name: string, secret: string, bytes: Uint8Array, signal: AbortSignal): Promise<void> {
    this.#remembered.delete(name);
    await makeSecret(this.#podman, name, secret, bytes, signal);
  }

  async removeSecret(name: string, secret: string, signal: AbortSignal): Promise<void> {
    this.#remembered.delete(name);
    await removeSecret(this.#podman, name, secret, signal);
  }

  async writeQuadlet(name: string, text: string, signal: AbortSignal): Promise<void> {
    await this.#quadlets.write(name, text, signal);
  }

  async removeQuadlet(name: string): Promise<void> {
    await this.#quadlets.remove(name);
  }

  async reload(name: string, signal: AbortSignal): Promise<void> {
    if (!this.#quadlets.isUnread(name, this.#quadlets.read(name))) return;
    const bus = new SystemBus({
      destination: "org.freedesktop.systemd1",
      address: this.#address,
      onSignal: () => {},
      onConnected: () => {},
    });
    try {
      await bus.call(
        {
          path: "/org/freedesktop/systemd1",
          interface: "org.freedesktop.systemd1.Manager",
          member: "Reload",
          timeoutMs: RELOAD_MS,
        },
        signal,
      );
    } catch (error) {
      throw asPortError(error, "Having systemd read all Quadlet files");
    } finally {
      bus.close();
    }
  }

  async start(name: string, how: StartOptions, signal: AbortSignal): Promise<void> {
    this.#remembered.delete(name);
    await this.#supervisor.start(serviceOf(name), { steadyMs: how.steadyMs }, signal);
    if (how.probe !== null) await this.#untilWell(name, how.probe, signal);
  }

  async restart(name: string, how: StartOptions, signal: AbortSignal): Promise<void> {
    this.#remembered.delete(name);
    await this.#supervisor.restart(serviceOf(name), { steadyMs: how.steadyMs }, signal);
    if (how.probe !== null) await this.#untilWell(name, how.probe, signal);
  }

  async stop(name: string, signal: AbortSignal): Promise<void> {
    this.#remembered.delete(name);
    this.#probing.forget(name);
    this.#addresses.delete(name);
    await this.#supervisor.stop(serviceOf(name), signal);
    // What the service did not come to remove, as it was killed.
    await removeContainer(this.#podman, name, signal);
  }

  async resetFailed(name: string, signal: AbortSignal): Promise<void> {
    await this.#supervisor.resetFailed(serviceOf(name), signal);
  }

  /** Podman is asked again when systemd tells of a change: a container cannot end, nor its image go, without one. */
  async #ask(
    name: string,
    { active, sub, since, mainPid, restarts }: UnitState,
    { image, secrets }: { readonly image: string; readonly secrets: readonly string[] },
    signal: AbortSignal,
  ): Promise<Told> {
    const key = JSON.stringify([active, sub, since, mainPid, restarts, image, secrets]);
    const before = this.#remembered.get(name);
    if (before?.key === key && performance.now() - before.at < BELIEVED_MS) return before.told;
    const [container, images, there] = await Promise.all([
      findContainer(this.#podman, name, signal),
      this.#images.list(signal),
      listSecrets(this.#podman, signal),
    ]);
    const found = images.find(image);
    const told: Told = {
      container,
      image: found === null ? null : { digest: found.digest, keptFor: found.keptFor },
      kept: images.keptFor(name),
      missingSecrets: secrets.filter((secret) => !there.some((each) => each.name === secret)),
      ownSecrets: there.filter(({ madeFor }) => madeFor === name).map((each) => each.name),
    };
    const isSteady =
      active === "active" && container?.running === true && container.health !== "starting" && found !== null;
    if (isSteady) this.#remembered.set(name, { key, at: performance.now(), told });
    else this.#remembered.delete(name);
    return told;
  }

  #foreignSource(name: string, { load, fragment }: UnitState): string | null {
    if (load === "masked") return fragment ?? `/etc/systemd/system/${serviceOf(name)}`;
    if (fragment === null || load === "not-found") return null;
    if (!fragment.startsWith(GENERATED)) return fragment;
    const source = this.#quadlets.sourceOf(name);
    return source === quadletPath(name) ? null : source;
  }

  async #untilWell(name: string, probe: Probe, signal: AbortSignal): Promise<void> {
    const { startPeriodSeconds, intervalSeconds, failureThreshold } = probe;
    const endsAt = performance.now() + (startPeriodSeconds + intervalSeconds * (failureThreshold + 1)) * 1000;
    for (;;) {
      const { health, why } = await this.probe(name, probe, signal);
      if (health === "healthy") return;
      signal.throwIfAborted();
      if (health === "unhealthy" || performance.now() >= endsAt) {
        throw jobFailed(serviceOf(name), "Starting", `it runs and is not well: ${why ?? "it does not answer"}`);
      }
      await sleep(PROBE_AGAIN_MS, undefined, { signal }).catch(() => {});
    }
  }
}

const serviceOf = (name: string): string => `${name}.service`;
