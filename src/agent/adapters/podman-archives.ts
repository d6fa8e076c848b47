import { stat, statfs } from "node:fs/promises";
import * as z from "zod";
import type { ImageArchive } from "../../capabilities/container-runtime.ts";
import { PortError, type PortProblem } from "../../capabilities/port-error.ts";
import { sizeText } from "../../scores/size-text.ts";
import { type Answer, type Libpod, refused } from "./libpod.ts";
import { canonical, type Image, type ImageList, isMark, isOwnName, type PodmanImages } from "./podman-images.ts";
import { safeParse } from "../../wire/safe-parse.ts";

/** To send it all and to unpack it, on a slow card. */
const LOAD_MS = 15 * 60_000;
/** Where podman's service puts an archive down before it reads it. */
const SPOOL = "/var/tmp";
const REMEMBER_AT_MOST = 64;

const Loaded = z.object({ Names: z.array(z.string()).min(1) });
const About = z.object({ Architecture: z.string().default(""), Os: z.string().default("") });
const Info = z.object({
  host: z.object({ arch: z.string() }),
  store: z.object({ graphRoot: z.string() }),
});
type Info = z.infer<typeof Info>;

/** What a processor runs beside its own. */
const ALSO_RUNS: Readonly<Record<string, readonly string[]>> = { arm64: ["arm"], amd64: ["386"] };

/** Images that come in archives, over podman's API. */
export class ImageArchives {
  readonly #podman: Libpod;
  readonly #images: PodmanImages;
  /** One after the other: two archives with the same name in them would take it from each other. */
  #last: Promise<unknown> = Promise.resolve();
  /** What is wrong with an archive, by its hash: no hour makes it another. */
  readonly #invalid = new Map<string, PortProblem>();

  constructor(podman: Libpod, images: PodmanImages) {
    this.#podman = podman;
    this.#images = images;
  }

  async load(name: string, archive: ImageArchive, signal: AbortSignal): Promise<void> {
    const before = this.#last;
    const loading = before.catch(() => {}).then(() => this.#inTurn(name, archive, signal));
    this.#last = loading.catch(() => {});
    await loading;
  }

  async #inTurn(name: string, archive: ImageArchive, signal: AbortSignal): Promise<void> {
    const known = this.#invalid.get(archive.sha256);
    if (known !== undefined) throw new PortError(known);
    try {
      await this.#load(name, archive, signal);
    } catch (error) {
      if (error instanceof PortError && error.problem.code === "Invalid") {
        if (this.#invalid.size >= REMEMBER_AT_MOST) this.#invalid.clear();
        this.#invalid.set(archive.sha256, error.problem);
      }
      throw error;
    }
  }

  async #load(name: string, archive: ImageArchive, signal: AbortSignal): Promise<void> {
    const info = await this.#info(signal);
    await demandRoom(archive, info);
    const before = await this.#images.list(signal);
    const names = await this.#send(archive, signal);
    const after = await this.#images.list(signal);
    const loaded = imagesNamed(names, after);
    const [image] = loaded;
    const wrong =
      loaded.length === 1 && image !== undefined
        ? await this.#foreignTo(info.host.arch, image, signal)
        : `it holds ${loaded.length} images`;
    if (image !== undefined && wrong === null) {
      const was = before.byId(image.Id);
      await this.#images.tag(image.Id, archive.image, signal);
      // What was there by itself is somebody's, unless Harmony brought it.
      if (was === undefined || was.RepoTags.some(isMark)) {
        await this.#images.mark(image.Id, name, image.Digest, signal);
      }
    }
    for (const each of loaded) await this.#takeNames(each, before, wrong === null, signal);
    if (wrong !== null) throw invalid(archive, wrong);
  }

  /** The names of what came of it. */
  async #send(archive: ImageArchive, signal: AbortSignal): Promise<readonly string[]> {
    const within = AbortSignal.any([signal, AbortSignal.timeout(LOAD_MS)]);
    const doing = `Loading ${called(archive)}`;
    const answer = await this.#podman.send("/images/load", archive.pieces, doing, within);
    const { success, data } = safeParse(Loaded, answer.body);
    if (answer.status >= 300 || !success) throw loadFailed(archive, doing, answer);
    return data.Names;
  }

  /** The names that the archive gave go, and to whom they were before; and so does an image that is of no use. */
  async #takeNames({ Id, RepoTags }: Image, before: ImageList, stays: boolean, signal: AbortSignal): Promise<void> {
    const was = before.byId(Id);
    for (const name of RepoTags.filter((each) => !isOwnName(each) && was?.RepoTags.includes(each) !== true)) {
      const other = before.named(name);
      if (other !== undefined) await this.#images.tag(other.Id, name, signal);
      else await this.#images.untag(Id, name, signal);
    }
    if (was === undefined && !stays) await this.#images.remove(Id, signal);
  }

  async #foreignTo(arch: string, { Id }: Image, signal: AbortSignal): Promise<string | null> {
    const doing = `Looking at the image ${Id}`;
    const answer = await this.#podman.call("GET", `/images/${encodeURIComponent(Id)}/json`, doing, signal);
    const { success, data } = safeParse(About, answer.body);
    if (!success) throw refused(doing, answer);
    const { Architecture: built, Os: os } = data;
    const isRight = built === "" || built === arch || ALSO_RUNS[arch]?.includes(built) === true;
    if (isRight && (os === "" || os === "linux")) return null;
    return `its image is for ${os}/${built}, and this device is linux/${arch}`;
  }

  async #info(signal: AbortSignal): Promise<Info> {
    const doing = "Asking podman about this host";
    const answer = await this.#podman.call("GET", "/info", doing, signal);
    const { success, data } = safeParse(Info, answer.body);
    if (!success) throw refused(doing, answer);
    return data;
  }
}

/** Each once, also where it has several names. */
function imagesNamed(names: readonly string[], list: ImageList): readonly Image[] {
  const found = names.map((name) => list.byId(name.replace(/^sha256:/, "")) ?? list.named(canonical(name)));
  return [...new Set(found)].filter((each) => each !== undefined);
}

/** For the archive itself, as podman puts it down, and for at least as much that comes of it. */
async function demandRoom(archive: ImageArchive, { store: { graphRoot } }: Info): Promise<void> {
  const isOne = await Promise.all([stat(SPOOL), stat(graphRoot)]).then(
    ([spool, root]) => spool.dev === root.dev,
    () => true,
  );
  const needs = isOne
    ? [[graphRoot, 2] as const]
    : ([
        [SPOOL, 1],
        [graphRoot, 1],
      ] as const);
  for (const [place, times] of needs) {
    const space = await statfs(place).catch(() => null);
    if (space === null) continue;
    const free = space.bavail * space.bsize;
    if (free < archive.size * times) throw noRoom(archive, archive.size * times, free, place);
  }
}

const called = ({ sha256, size }: ImageArchive): string => `the image in the asset ${sha256} (${sizeText(size)})`;

const noRoom = (archive: ImageArchive, needed: number, free: number, place: string): PortError =>
  new PortError({
    code: "NoSpace",
    blame: "device",
    message: `Loading ${called(archive)} needs at least ${sizeText(needed)} below ${place}, and ${sizeText(free)} are free there.`,
    next: "Free some space on the device (podman image prune); the agent tries again by itself.",
  });

const invalid = (archive: ImageArchive, why: string): PortError =>
  new PortError({
    code: "Invalid",
    blame: "author",
    message: `Loading ${called(archive)} failed: ${why}.`,
    next: "Make it anew, of one image for this device: podman save --format oci-archive -o FILE IMAGE.",
    retryable: false,
  });

/** Puts podman's words into the port's. */
function loadFailed(archive: ImageArchive, doing: string, answer: Answer): PortError {
  const error = refused(doing, answer);
  const said = error.problem.message;
  if (/no space left on device|disk quota exceeded/i.test(said)) {
    return new PortError({
      code: "NoSpace",
      blame: "device",
      message: said,
      next: "Free space below /var/lib/containers: podman image prune.",
    });
  }
  if (/more than one image/i.test(said)) return invalid(archive, "it holds more than one image");
  const isNoImage =
    /does not match any of the supported image formats|unexpected EOF|invalid tar|payload|manifest\.json|index\.json|oci-layout/i;
  return isNoImage.test(said) ? invalid(archive, `it is no archive of an image (${shortOf(said)})`) : error;
}

const shortOf = (said: string): string =>
  said
    .replace(/^.*? failed: /, "")
    .replace(/\.$/, "")
    .slice(0, 300);
