import type {
  ContainerRuntime,
  ContainerSeen,
  ImageArchive,
  LocalContainer,
  QuadletFile,
  StartOptions,
} from "../capabilities/container-runtime.ts";
import type { Probe, Probed } from "../capabilities/probe.ts";
import { PortError, type PortProblem } from "../capabilities/port-error.ts";
import type { ResourceController, UnitState } from "../capabilities/systemd-host.ts";
import { imageIn } from "./fake-archive.ts";
import { type FakeImage, FakeImages } from "./fake-images.ts";

/** How a container stands, as others left it. */
export interface FakeContainer {
  /** The text of its Quadlet file; null: none. Default null. */
  readonly file?: string | null | undefined;
  /** What else stands there. Default: nothing. */
  readonly obstacle?: "directory" | null | undefined;
  /** An interrupted write of the file left something behind. Default false. */
  readonly leftover?: boolean | undefined;
  /**
   * `looping`: it ends again and again. `starting`: it has been up for a moment. `unhealthy`: it runs and does not answer.
   * What runs does so by the file and the image that are there. Default `"inactive"`.
   */
  readonly active?: "inactive" | "starting" | "active" | "failed" | "looping" | "unhealthy" | undefined;
  /** Whether its program ends soon after each start. Default false. */
  readonly crashes?: boolean | undefined;
  /** A container, or a service, of that name that is not Harmony's; null: none. Default null. */
  readonly theirs?: "container" | "service" | null | undefined;
}

type Said = { readonly [Key in keyof FakeContainer]-?: Exclude<FakeContainer[Key], undefined> };
interface Container extends Said {
  /** The text that the supervisor has read. */
  readonly read: string | null;
  /** What there is of it, running or not. */
  readonly runs: { readonly spec: string; readonly digest: string } | null;
  readonly restarts: number;
}
type Mutable = { -readonly [Key in keyof Container]: Container[Key] };

const NOTHING: Container = {
  file: null,
  obstacle: null,
  leftover: false,
  active: "inactive",
  crashes: false,
  theirs: null,
  read: null,
  runs: null,
  restarts: 0,
};

export interface FakeContainerRuntimeOptions {
  /** What the registries have: digests by reference. */
  readonly registry?: Readonly<Record<string, string>> | undefined;
  /** Default cpu and pids. */
  readonly controllers?: readonly ResourceController[] | undefined;
  /** Default none. */
  readonly secrets?: readonly string[] | undefined;
}

/** A container runtime in memory. What is started is up at once and stays up, unless its program crashes. */
export class FakeContainerRuntime implements ContainerRuntime {
  readonly images = new FakeImages();
  readonly #registry: ReadonlyMap<string, string>;
  readonly #controllers: readonly ResourceController[];
  readonly #secrets: ReadonlySet<string>;
  /** Made by Harmony, by container and name. */
  readonly #made = new Map<string, Map<string, Uint8Array>>();
  readonly #containers = new Map<string, Mutable>();
  readonly #watchers = new Map<string, Set<() => void>>();
  #reloads = 0;

  constructor({ registry = {}, controllers = ["cpu", "pids"], secrets = [] }: FakeContainerRuntimeOptions = {}) {
    this.#registry = new Map(Object.entries(registry));
    this.#controllers = controllers;
    this.#secrets = new Set(secrets);
  }

  /** How often the files were read again. */
  get reloads(): number {
    return this.#reloads;
  }

  /** What somebody else does: the container is so from now on, and what is not said stays as it is. */
  put(name: string, container: FakeContainer): void {
    const before = this.#containers.get(name);
    const said = Object.fromEntries(Object.entries(container).filter(([, value]) => value !== undefined));
    const now: Mutable = { ...NOTHING, ...before, ...said };
    if (before === undefined) now.read = now.file;
    if (container.active !== undefined) {
      now.runs = isUp(now) ? this.#runnable(now.read) : null;
      if (isUp(now) && now.runs === null) now.active = "inactive";
      now.restarts = now.active === "looping" ? 5 : 0;
    }
    this.#containers.set(name, now);
    this.#changed(name);
  }

  /** The image is there. */
  putImage(digest: string, image: FakeImage): void {
    this.images.put(digest, image);
  }

  /** It is removed by force, and what runs by it with it. */
  takeImage(digest: string): void {
    this.images.take(digest);
    for (const [name, { runs }] of this.#containers) {
      if (runs?.digest === digest) this.put(name, { active: "inactive" });
    }
  }

  /** All that is to be told, by `<what>:<name>`. */
  tree(): Record<string, string | true> {
    const facts: Record<string, string | true> = this.images.tree();
    for (const [name, one] of [...this.#containers].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
      if (one.file !== null) facts[`file:${name}`] = one.file;
      if (one.obstacle !== null) facts[`obstacle:${name}`] = one.obstacle;
      if (one.leftover) facts[`leftover:${name}`] = true;
      if (one.theirs !== null) facts[`theirs:${name}`] = one.theirs;
      if (isUp(one)) facts[`active:${name}`] = one.active;
      if (one.active === "failed") facts[`failed:${name}`] = true;
      if (one.runs !== null) facts[`runs:${name}`] = one.runs.spec;
      if (one.read !== one.file) facts[`unread:${name}`] = true;
    }
    for (const [name, made] of this.#made) {
      for (const [secret, bytes] of made) facts[`secret:${name}/${secret}`] = new TextDecoder().decode(bytes);
    }
    return facts;
  }

  quadletFile(name: string): QuadletFile {
    const { file, obstacle, leftover } = this.#containers.get(name) ?? NOTHING;
    const at = `/etc/containers/systemd/${name}.container`;
    if (obstacle !== null) return { type: "foreign", what: obstacle, at };
    return file === null ? { type: "absent", leftover } : { type: "file", text: file };
  }

  async container(
    name: string,
    { image, secrets }: { readonly image: string; readonly secrets: readonly string[] },
    signal: AbortSignal,
  ): Promise<ContainerSeen> {
    await answer(`Looking at ${name}`, signal);
    const one = this.#containers.get(name) ?? NOTHING;
    return {
      service: serviceOf(name, one),
      serviceFrom: one.theirs === "service" ? `/etc/systemd/system/${name}.service` : null,
      needsReload: one.read !== one.file,
      container: containerOf(one),
      image: this.images.find(image),
      kept: this.images.keptFor(name),
      missingSecrets: secrets.filter((secret) => !this.#secrets.has(secret)),
      ownSecrets: [...(this.#made.get(name)?.keys() ?? [])],
    };
  }

  async probe(name: string, _probe: Probe, signal: AbortSignal): Promise<Probed> {
    await answer(`Asking ${name}`, signal);
    return this.#containers.get(name)?.active === "unhealthy"
      ? { health: "unhealthy", why: "nothing answers", restMs: 0, revived: null }
      : { health: "healthy", why: null, restMs: 0, revived: null };
  }

  controllers(): readonly ResourceController[] {
    return this.#controllers;
  }

  watch(name: string, _probe: Probe | null, changed: () => void): () => void {
    const watchers = this.#watchers.get(name) ?? new Set();
    this.#watchers.set(name, watchers);
    const own = (): void => changed();
    watchers.add(own);
    return () => void watchers.delete(own);
  }

  async pull(name: string, image: string, progress: (line: string) => void, signal: AbortSignal): Promise<void> {
    await answer(`Pulling ${image}`, signal);
    const digest = this.#registry.get(image);
    if (digest === undefined) throw noSuchImage(image);
    progress(`Trying to pull ${image}`);
    this.images.pulled(digest, image, name);
  }

  async load(name: string, archive: ImageArchive, signal: AbortSignal): Promise<void> {
    await answer(`Loading ${archive.image}`, signal);
    const digest = await imageIn(archive);
    this.images.pulled(digest, archive.image, name);
  }

  async keep(name: string, image: string, signal: AbortSignal): Promise<void> {
    await answer(`Keeping ${image}`, signal);
    const there = this.images.find(image);
    if (there === null) throw noSuchImage(image);
    this.images.keep(there.digest, name);
  }

  async release(name: string, digest: string, signal: AbortSignal): Promise<void> {
    await answer(`Releasing ${digest}`, signal);
    if (digestOf(this.#containers.get(name)?.file ?? "") === digest) return;
    const isUsed = [...this.#containers.values()].some(
      ({ file, runs }) => runs?.digest === digest || digestOf(file ?? "") === digest,
    );
    this.images.release(digest, name, isUsed);
  }

  async writeSecret(name: string, secret: string, bytes: Uint8Array, signal: AbortSignal): Promise<void> {
    await answer(`Making the secret ${secret}`, signal);
    if (this.#secrets.has(secret)) throw problem("Obstructed", `The secret ${secret} is not Harmony's.`);
    const made = this.#made.get(name) ?? new Map<string, Uint8Array>();
    this.#made.set(name, made.set(secret, Uint8Array.from(bytes)));
  }

  async removeSecret(name: string, secret: string, signal: AbortSignal): Promise<void> {
    await answer(`Removing the secret ${secret}`, signal);
    this.#made.get(name)?.delete(secret);
  }

  async writeQuadlet(name: string, text: string, signal: AbortSignal): Promise<void> {
    await answer(`Writing the file of ${name}`, signal);
    const one = this.#at(name);
    if (one.obstacle !== null) throw problem("Obstructed", `Something stands at the place of ${name}'s file.`);
    if (!text.includes("[Container]\nImage=")) throw problem("Invalid", `${name} is not understood: ${text}`);
    Object.assign(one, { file: text, leftover: false });
    this.#changed(name);
  }

  async removeQuadlet(name: string, signal: AbortSignal): Promise<void> {
    await answer(`Removing the file of ${name}`, signal);
    const one = this.#at(name);
    if (one.obstacle !== null) throw problem("Obstructed", `Something stands at the place of ${name}'s file.`);
    Object.assign(one, { file: null, leftover: false });
    this.#changed(name);
  }

  async reload(name: string, signal: AbortSignal): Promise<void> {
    await answer("Reading all files again", signal);
    const asked = this.#at(name);
    if (asked.read === asked.file) return;
    this.#reloads += 1;
    for (const one of this.#containers.values()) one.read = one.file;
    this.#changed(name);
  }

  async start(name: string, _how: StartOptions, signal: AbortSignal): Promise<void> {
    await answer(`Starting ${name}`, signal);
    if (!isUp(this.#at(name))) this.#run(name);
    // One that has been up for a moment is waited for.
    else if (this.#at(name).active === "starting") this.#at(name).active = "active";
  }

  async restart(name: string, _how: StartOptions, signal: AbortSignal): Promise<void> {
    await answer(`Restarting ${name}`, signal);
    this.#run(name);
  }

  async stop(name: string, signal: AbortSignal): Promise<void> {
    await answer(`Stopping ${name}`, signal);
    const one = this.#at(name);
    Object.assign(one, { active: one.active === "failed" ? "failed" : "inactive", runs: null, restarts: 0 });
    this.#changed(name);
  }

  async resetFailed(name: string, signal: AbortSignal): Promise<void> {
    await answer(`Forgetting that ${name} failed`, signal);
    const one = this.#at(name);
    if (one.active === "failed") one.active = "inactive";
    one.restarts = 0;
    this.#changed(name);
  }

  #run(name: string): void {
    const one = this.#at(name);
    const runs = this.#runnable(one.read);
    // The runtime replaces whatever has the name.
    Object.assign(one, { runs, theirs: one.theirs === "container" ? null : one.theirs });
    if (runs === null) {
      one.active = "failed";
      throw problem("Failed", `Starting ${name} failed: it has no file, or its image is not there.`);
    }
    one.active = one.crashes ? "looping" : "active";
    one.restarts = one.crashes ? 3 : 0;
    this.#changed(name);
    if (one.crashes) throw problem("Failed", `${name} ended a moment after its start (exit-code).`);
  }

  #runnable(text: string | null): { readonly spec: string; readonly digest: string } | null {
    const digest = digestOf(text ?? "");
    return digest === null || !this.images.has(digest) ? null : { spec: specOf(text ?? ""), digest };
  }

  #at(name: string): Mutable {
    const there = this.#containers.get(name);
    if (there !== undefined) return there;
    const one: Mutable = { ...NOTHING };
    this.#containers.set(name, one);
    return one;
  }

  #changed(name: string): void {
    for (const tell of this.#watchers.get(name) ?? []) queueMicrotask(tell);
  }
}

const digestOf = (text: string): string | null => /^Image=[^@\n]*@(\S+)$/m.exec(text)?.[1] ?? null;
const specOf = (text: string): string => /^Label=io\.harmony-edge\.spec=(\S*)$/m.exec(text)?.[1] ?? "";

const isUp = ({ active }: Pick<Container, "active">): boolean => active !== "inactive" && active !== "failed";

function containerOf({ theirs, runs, active }: Container): LocalContainer | null {
  if (theirs === "container") return { id: "0123", running: true, spec: null, imageDigest: null, health: "none" };
  if (runs === null) return null;
  const health = active === "unhealthy" ? "unhealthy" : "none";
  return { id: "c0ffee", running: true, spec: runs.spec, imageDigest: runs.digest, health };
}

function serviceOf(name: string, { active, restarts, read, theirs }: Container): UnitState {
  const up = active === "active" || active === "starting" || active === "unhealthy";
  const ended = active === "failed" || active === "looping";
  return {
    load: read === null && theirs !== "service" ? "not-found" : "loaded",
    active: active === "looping" ? "activating" : up ? "active" : active,
    sub: active === "looping" ? "auto-restart" : up ? "running" : ended ? "failed" : "dead",
    enablement: read === null ? "" : "generated",
    fragment: read === null ? null : `/run/systemd/generator/${name}.service`,
    needsReload: false,
    result: ended ? "exit-code" : "success",
    restarts,
    since: up ? "2026-01-01T00:00:00.000Z" : null,
    uptimeMs: up ? (active === "starting" ? 0 : 3_600_000) : null,
    lastUpMs: ended ? 50 : null,
    mainPid: up ? 4242 : null,
    outdated: false,
  };
}

const problem = (code: PortProblem["code"], message: string): PortError =>
  new PortError({
    code,
    blame: code === "Invalid" ? "author" : "device",
    message,
    next: "Read on: journalctl --lines 50.",
  });
const noSuchImage = (image: string): PortError =>
  new PortError({
    code: "NotFound",
    blame: "author",
    message: `Pulling ${image} failed: the registry has no such image.`,
    next: "Correct the image's name.",
  });

/** Comes a moment later, and only as long as the caller wants it. */
async function answer(doing: string, signal: AbortSignal): Promise<void> {
  await Promise.resolve();
  if (!signal.aborted) return;
  throw new PortError({
    code: "TimedOut",
    blame: "platform",
    message: `${doing} was called off before the runtime answered.`,
    next: "Nothing: it is tried again.",
  });
}
