import { capability } from "./capability.ts";
import type { Probe, Probed } from "./probe.ts";
import type { ResourceController, UnitState } from "./systemd-host.ts";

/** The file that defines a container to the supervisor: `/etc/containers/systemd/NAME.container`. */
export type QuadletFile =
  | { readonly type: "absent"; /** An interrupted write left its temporary file behind. */ readonly leftover: boolean }
  /** `text` is null for a file above 1 MiB, and for one that is no UTF-8. */
  | { readonly type: "file"; readonly text: string | null }
  | { readonly type: "foreign"; readonly what: "directory" | "link" | "special file"; readonly at: string };

/** An image that is on the device. */
export interface LocalImage {
  /** Of its manifest: `"sha256:..."`. */
  readonly digest: string;
  /** The containers that Harmony keeps it for; empty for an image that Harmony did not bring. */
  readonly keptFor: readonly string[];
}

/** An image in a tar archive: `oci-archive` or `docker-archive`, as `podman save` writes them. */
export interface ImageArchive {
  /** What the image goes by once it is loaded, in place of its names in the archive: `repository:tag`. */
  readonly image: string;
  /** Of the archive, in lower-case hexadecimal. */
  readonly sha256: string;
  /** Bytes of the archive. */
  readonly size: number;
  /** All of them, anew at each call. Where they are not what the hash says, it rejects in place of ending. */
  readonly pieces: () => AsyncIterable<Uint8Array>;
}

/** A container that is there, running or not. */
export interface LocalContainer {
  readonly id: string;
  readonly running: boolean;
  /** The label `io.harmony-edge.spec`; null on a container that is somebody else's. */
  readonly spec: string | null;
  /** Of the manifest of its image; null where that is not known. */
  readonly imageDigest: string | null;
  /** What its own health check says; `"none"` where it has none. */
  readonly health: "none" | "starting" | "healthy" | "unhealthy";
}

/** All that one look at a container tells. */
export interface ContainerSeen {
  /** The service `NAME.service` that is generated of the file. */
  readonly service: UnitState;
  /** The file that the service comes of where that is not Harmony's; null where it is, or where there is no service. */
  readonly serviceFrom: string | null;
  /** Whether the supervisor knows the service by an older file, or not at all. */
  readonly needsReload: boolean;
  readonly container: LocalContainer | null;
  /** The image that was asked for. */
  readonly image: LocalImage | null;
  /** Digests of the images that are kept for this container. */
  readonly kept: readonly string[];
  /** Those of the secrets asked for that are not there. */
  readonly missingSecrets: readonly string[];
  /** The names of all secrets that were made for this container. */
  readonly ownSecrets: readonly string[];
}

/** How a start is waited for. */
export interface StartOptions {
  /** Milliseconds that it has to be up. */
  readonly steadyMs: number;
  /** It also has to answer. */
  readonly probe: Probe | null;
}

/**
 * A place that runs containers: each is defined by a file that the supervisor of services makes a service of, so that it
 * runs at boot and without the agent. Containers go by their names, and their services by `NAME.service`.
 *
 * An image is referred to as `registry/repository:tag` or `registry/repository@sha256:...`. One that was pulled for a
 * container is kept for it until it is released; one that was there before is never removed.
 * Every call throws (or rejects with) a PortError alone.
 */
export interface ContainerRuntime {
  quadletFile(name: string): QuadletFile;
  container(
    name: string,
    about: { readonly image: string; readonly secrets: readonly string[] },
    signal: AbortSignal,
  ): Promise<ContainerSeen>;
  /** Looks whether it answers, at most once in the probe's interval; between, tells what it was. */
  probe(name: string, probe: Probe, signal: AbortSignal): Promise<Probed>;
  /** Which resources can be limited here. */
  controllers(): readonly ResourceController[];
  /** Tells when the container, its service or its file may have changed, or the probe comes to another answer. */
  watch(name: string, probe: Probe | null, changed: () => void): () => void;

  /**
   * Brings the image onto the device and keeps it for the container. `progress` is told lines for people, at most one a
   * second. Rejects with `NotFound` (no such image), `Unavailable` (the registry is not reached), `NotPermitted`,
   * `NoSpace`, `TimedOut` (nothing came for two minutes, or not all in fifteen) or `Failed`.
   */
  pull(name: string, image: string, progress: (line: string) => void, signal: AbortSignal): Promise<void>;
  /**
   * Loads the one image of an archive, piece by piece, and keeps it for the container. Nothing else is changed: a name in the
   * archive that another image has stays with that one. Rejects with `Invalid` (no image, more than one, or one for another
   * architecture; then nothing of it is left), `NoSpace` (looked for before), what `pieces` rejects with, or `Failed`.
   */
  load(name: string, archive: ImageArchive, signal: AbortSignal): Promise<void>;
  /** Keeps an image that is there, and was pulled for another container, for this one too. */
  keep(name: string, image: string, signal: AbortSignal): Promise<void>;
  /**
   * Keeps an image no longer, and removes it where no other container is defined by it, runs by it or keeps it, and nobody
   * has given it another name. Does nothing where the container is still defined by it.
   */
  release(name: string, digest: string, signal: AbortSignal): Promise<void>;
  /** Makes a secret of the runtime for the container. One of that name that is not Harmony's is left alone (`Obstructed`). */
  writeSecret(name: string, secret: string, bytes: Uint8Array, signal: AbortSignal): Promise<void>;
  /** Removes one that was made so. Succeeds where there is none. */
  removeSecret(name: string, secret: string, signal: AbortSignal): Promise<void>;
  /** Writes the file atomically. What would not be understood is refused (`Invalid`) and nothing is written. */
  writeQuadlet(name: string, text: string, signal: AbortSignal): Promise<void>;
  /** Succeeds where there is none. */
  removeQuadlet(name: string, signal: AbortSignal): Promise<void>;
  /** Lets the supervisor read the files again, where it knows this container by an older one. */
  reload(name: string, signal: AbortSignal): Promise<void>;
  /** Resolves once it is up and well; rejects (`Failed`) where it ends before or does not come to be. */
  start(name: string, how: StartOptions, signal: AbortSignal): Promise<void>;
  restart(name: string, how: StartOptions, signal: AbortSignal): Promise<void>;
  /** Stops it and removes what is left of it. Succeeds where it is not there; leaves a container that is not Harmony's. */
  stop(name: string, signal: AbortSignal): Promise<void>;
  resetFailed(name: string, signal: AbortSignal): Promise<void>;
}

export const ContainerRuntime = capability<ContainerRuntime>()("ContainerRuntime", {
  reads: ["quadletFile", "container", "probe", "controllers", "watch"],
});
