import * as z from "zod";
import type { LocalImage } from "../../capabilities/container-runtime.ts";
import { PortError } from "../../capabilities/port-error.ts";
import { type Libpod, refused } from "./libpod.ts";
import { pullFailed, PullStream, type PullEvent } from "./pull-stream.ts";
import { safeParse } from "../../wire/safe-parse.ts";

/** For a whole pull, over a slow line. */
const PULL_MS = 15 * 60_000;
/** Between two signs of life. One layer can take long. */
const STALLED_MS = 2 * 60_000;
const PROGRESS_MS = 1000;

const Image = z.object({
  Id: z.string(),
  Digest: z.string().default(""),
  RepoTags: z
    .array(z.string())
    .nullish()
    .transform((tags) => tags ?? []),
  RepoDigests: z
    .array(z.string())
    .nullish()
    .transform((digests) => digests ?? []),
});
const Images = z.array(Image);
export type Image = z.infer<typeof Image>;
const Containers = z.array(z.object({ ImageID: z.string() }));

/**
 * That an image was pulled for a container is written at the image itself, as one more name: so it goes when the image goes,
 * it holds across a crash, and `podman image prune` leaves an image alone that only waits for its container.
 */
const MARK = "localhost/harmony-edge/";
const markOf = (digest: string): string => `${MARK}${digest.slice("sha256:".length)}`;
/** What Harmony calls an image that came in an archive. It goes with the last mark. */
const ARCHIVE = "localhost/harmony-edge-asset/";
/** Whether Harmony gave it, to an image that somebody else may have given others. */
export const isOwnName = (name: string): boolean => isMark(name) || name.startsWith(ARCHIVE);
export const isMark = (name: string): boolean => name.startsWith(MARK);
const containerIn = (mark: string): string => mark.slice(mark.lastIndexOf(":") + 1);
const digestIn = (mark: string): string => `sha256:${mark.slice(MARK.length, mark.lastIndexOf(":"))}`;

/** As podman itself writes it. */
export const canonical = (reference: string): string =>
  reference.replace(/^docker\.io\/([^/]+)$/, "docker.io/library/$1");
const named = (reference: string): string | undefined => /@(sha256:[0-9a-f]{64})$/.exec(reference)?.[1];

/** The images of this device, as one list tells them. */
export class ImageList {
  readonly #images: readonly Image[];

  constructor(images: readonly Image[]) {
    this.#images = images;
  }

  find(reference: string): (LocalImage & { readonly id: string }) | null {
    const full = canonical(reference);
    const image = this.#images.find(({ RepoTags, RepoDigests }) =>
      named(reference) === undefined ? RepoTags.includes(full) : RepoDigests.includes(full),
    );
    if (image === undefined) return null;
    const keptFor = image.RepoTags.filter(isMark).map(containerIn).toSorted();
    return { id: image.Id, digest: named(reference) ?? image.Digest, keptFor };
  }

  /** The one of this name alone. */
  named(name: string): Image | undefined {
    return this.#images.find(({ RepoTags }) => RepoTags.includes(name));
  }

  byId(id: string): Image | undefined {
    return this.#images.find((image) => image.Id === id);
  }

  marked(name: string, digest: string): Image | undefined {
    return this.#images.find(({ RepoTags }) => RepoTags.includes(`${markOf(digest)}:${name}`));
  }

  /** The digests of the images that are kept for the container. */
  keptFor(name: string): readonly string[] {
    const marks = this.#images.flatMap(({ RepoTags }) => RepoTags.filter(isMark));
    return marks
      .filter((mark) => containerIn(mark) === name)
      .map(digestIn)
      .toSorted();
  }
}

/** What is done with images, over podman's API. */
export class PodmanImages {
  readonly #podman: Libpod;

  constructor(podman: Libpod) {
    this.#podman = podman;
  }

  async list(signal: AbortSignal): Promise<ImageList> {
    const answer = await this.#podman.call("GET", "/images/json", "Listing the images", signal);
    const { success, data } = safeParse(Images, answer.body);
    if (!success) throw refused("Listing the images", answer);
    return new ImageList(data);
  }

  async pull(name: string, image: string, progress: (line: string) => void, signal: AbortSignal): Promise<void> {
    const before = await this.list(signal);
    const id = await this.#pulled(image, progress, signal);
    const was = before.byId(id);
    // An image that was there by another name is somebody's, unless Harmony brought it.
    if (was !== undefined && !was.RepoTags.some(isMark)) return;
    const digest = named(image) ?? (await this.list(signal)).byId(id)?.Digest;
    if (digest !== undefined) await this.mark(id, name, digest, signal);
  }

  async keep(name: string, image: string, signal: AbortSignal): Promise<void> {
    const found = (await this.list(signal)).find(image);
    if (found !== null) return this.mark(found.id, name, found.digest, signal);
    throw new PortError({
      code: "NotFound",
      blame: "device",
      message: `The image ${image} is not there any more.`,
      next: "Nothing: it is pulled at the next attempt.",
    });
  }

  /** `isDefinedBy`: whether a file defines a container by an image that goes by one of these references. */
  async release(
    name: string,
    digest: string,
    isDefinedBy: (references: readonly string[]) => boolean,
    signal: AbortSignal,
  ): Promise<void> {
    const image = (await this.list(signal)).marked(name, digest);
    if (image === undefined) return;
    const { Id: id, RepoTags } = image;
    const others = RepoTags.filter((each) => isMark(each) && each !== `${markOf(digest)}:${name}`);
    const names = RepoTags.filter((each) => !isOwnName(each));
    const archives = RepoTags.filter((each) => each.startsWith(ARCHIVE));
    const isUsed = isDefinedBy([...names, ...archives, ...image.RepoDigests]) || (await this.#isRunBy(id, signal));
    const isUnused = others.length === 0 && !isUsed;
    // Its one other name is the one by which it was pulled; one more was given to it by somebody.
    const goes = isUnused && names.length + Math.min(archives.length, 1) <= 1;
    // The mark goes last: without it nobody would know that the image may be removed.
    for (const each of isUnused ? archives : []) {
      await (goes ? this.remove(each, signal) : this.untag(id, each, signal));
    }
    for (const each of goes ? [...names, `${markOf(digest)}:${name}`] : []) await this.remove(each, signal);
    if (!goes) await this.untag(id, `${markOf(digest)}:${name}`, signal);
  }

  /** The id of the image. */
  async #pulled(image: string, progress: (line: string) => void, signal: AbortSignal): Promise<string> {
    const stalled = new AbortController();
    const within = AbortSignal.any([signal, stalled.signal, AbortSignal.timeout(PULL_MS)]);
    let timer = setTimeout(() => stalled.abort(), STALLED_MS);
    const path = `/images/pull?reference=${encodeURIComponent(image)}&policy=always`;
    let last: PullEvent | null = null;
    let toldAt = Number.NEGATIVE_INFINITY;
    const heard = (event: PullEvent): void => {
      if (event._tag !== "Progress") {
        // Attempts that failed before one that did not are told too.
        if (last?._tag !== "Done") last = event;
      } else if (performance.now() - toldAt >= PROGRESS_MS) {
        toldAt = performance.now();
        progress(event.line);
      }
    };
    try {
      const response = await this.#podman.stream("POST", path, `Pulling ${image}`, within);
      const lines = new PullStream();
      for await (const chunk of response) {
        clearTimeout(timer);
        timer = setTimeout(() => stalled.abort(), STALLED_MS);
        if (chunk instanceof Buffer) for (const event of lines.push(chunk)) heard(event);
      }
      for (const event of lines.end()) heard(event);
    } catch (error) {
      if (within.aborted) throw tooSlow(image, stalled.signal.aborted);
      throw error instanceof PortError
        ? error
        : pullFailed(image, error instanceof Error ? error.message : String(error));
    } finally {
      clearTimeout(timer);
    }
    return idOf(image, last);
  }

  /** Keeps it for a container. */
  mark(id: string, name: string, digest: string, signal: AbortSignal): Promise<void> {
    return this.tag(id, `${markOf(digest)}:${name}`, signal);
  }

  /** Whatever else has the name loses it. */
  async tag(id: string, name: string, signal: AbortSignal): Promise<void> {
    const doing = `Giving an image the name ${name}`;
    const query = asQuery(name);
    const answer = await this.#podman.call("POST", `/images/${encodeURIComponent(id)}/tag?${query}`, doing, signal);
    if (answer.status >= 300) throw refused(doing, answer);
  }

  /** Leaves the image, also without a name. */
  async untag(id: string, name: string, signal: AbortSignal): Promise<void> {
    const query = asQuery(name);
    const doing = `Taking the name ${name} from an image`;
    const answer = await this.#podman.call("POST", `/images/${encodeURIComponent(id)}/untag?${query}`, doing, signal);
    if (answer.status >= 300 && answer.status !== 404) throw refused(doing, answer);
  }

  /** By one of its names: it loses the name, and goes with the last one. 409: somebody has come to use it meanwhile. */
  async remove(name: string, signal: AbortSignal): Promise<void> {
    const answer = await this.#podman.call("DELETE", `/images/${encodeURIComponent(name)}`, `Removing ${name}`, signal);
    if (answer.status < 300 || answer.status === 404 || answer.status === 409) return;
    throw refused(`Removing ${name}`, answer);
  }

  async #isRunBy(id: string, signal: AbortSignal): Promise<boolean> {
    const answer = await this.#podman.call("GET", "/containers/json?all=true", "Listing the containers", signal);
    const { success, data } = safeParse(Containers, answer.body);
    if (!success) throw refused("Listing the containers", answer);
    return data.some(({ ImageID }) => ImageID === id);
  }
}

function asQuery(name: string): string {
  const at = name.lastIndexOf(":");
  return `repo=${encodeURIComponent(name.slice(0, at))}&tag=${encodeURIComponent(name.slice(at + 1))}`;
}

function idOf(image: string, last: PullEvent | null): string {
  if (last?._tag === "Done") return last.id;
  throw pullFailed(image, last?._tag === "Failed" ? last.why : "podman ended its answer before it was done");
}

const tooSlow = (image: string, isStalled: boolean): PortError =>
  new PortError({
    code: "TimedOut",
    blame: "device",
    message: `Pulling ${image} was given up: ${isStalled ? "nothing came for two minutes" : "it was not done in time"}.`,
    next: "Check the line to the registry; what has come is not fetched again.",
  });
