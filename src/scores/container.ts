import { match } from "ts-pattern";
import { type ContainerSeen, ContainerRuntime } from "../capabilities/container-runtime.ts";
import type { Probe, Probed } from "../capabilities/probe.ts";
import { PortError } from "../capabilities/port-error.ts";
import type { ReadPortOf } from "../capabilities/capability.ts";
import { fetchMs } from "./asset.ts";
import {
  containerDisturbance,
  ContainerStep,
  digestFor,
  pauseBefore,
  planContainer,
  restartContainer,
  retireContainer,
  SeenContainer,
} from "./container-plan.ts";
import { ContainerSpec, neededBy } from "./container-spec.ts";
import { asSeen, bySealing, namesOf, seenSecrets, type SeenSecret } from "./container-secrets.ts";
import {
  containerText,
  digestIn,
  type OwnQuadlet,
  pinnedTo,
  readQuadlet,
  referenceOf,
  type Wanted,
} from "./container-text.ts";
import { hashOf, isLooping } from "./own-unit.ts";
import type { Reach } from "./reach.ts";
import { Score } from "./score.ts";
import type { SecretRef } from "./secret.ts";

/** A pull or a load has fifteen minutes, and a start eleven. */
const DEADLINE_MS = 1_800_000;

/**
 * A container of its own: it runs as a service that the supervisor makes of a Quadlet file, at boot too and without the
 * agent, by an image that is pinned to its digest.
 *
 * Ready means that it has been up for `readyAfterSeconds` and is healthy. One that ends again and again is
 * `crash-looping` and a FAILURE. A change replaces it; its volumes stay. What else has its name is not touched
 * (`Obstructed`). When it is retired, container and file are removed, and so is the image where Harmony brought it and no
 * other container needs it. Named volumes stay, since they hold data.
 */
export class ContainerScore extends Score(
  "Container",
  { version: 1, requires: [ContainerRuntime], spec: ContainerSpec, observed: SeenContainer, step: ContainerStep },
  {
    deadlineMs: ({ image }) => DEADLINE_MS + (typeof image === "string" ? 0 : fetchMs(image)),
    identity: ({ name }) => `container:${name}`,
    units: ({ name }) => [`${name}.service`],
    reach: ({ name, image, volumes }) => [
      { _tag: "unit", unit: `${name}.service` },
      ...imageOf(image),
      // A volume with a name is the runtime's own.
      ...volumes.flatMap(({ from }) => (from.startsWith("/") ? [{ _tag: "path" as const, path: from }] : [])),
    ],
    secrets: namesOf,
    async observe(said, { ContainerRuntime: host }, { signal, secrets }) {
      const { wanted, own } = bySealing(said, secrets);
      return observe(wanted, own, host, signal);
    },
    plan: (said, seen) => planContainer(asSeen(said, seen), seen),
    restart: (said, seen) => restartContainer(asSeen(said, seen), seen),
    run: (_, seen) => ("since" in seen ? `${seen.since} ${seen.id}` : null),
    turns: "lane",
    pauses: pauseBefore,
    disturbs: containerDisturbance,
    retire: (said, seen) => retireContainer(asSeen(said, seen), seen),
    apply(step, said, { ContainerRuntime: host }, { signal, log, assets, secrets }) {
      const { wanted, own } = bySealing(said, secrets);
      return match(step)
        .with({ do: "pull" }, ({ container, image }) =>
          host.pull(container, image, (line) => log("an image is being pulled", { container, image, line }), signal),
        )
        .with({ do: "fetch" }, ({ asset, size }) => assets.fetch({ asset, size }, { signal, copyTo: IMAGES }))
        .with({ do: "load" }, ({ container, image, asset: sha256, size }) =>
          host.load(
            container,
            { image, sha256, size, pieces: () => assets.read({ asset: sha256, size }, signal) },
            signal,
          ),
        )
        .with({ do: "keep" }, ({ container, image }) => host.keep(container, image, signal))
        .with({ do: "write" }, ({ container, image }) => write(container, image, wanted, host, signal))
        .with({ do: "writeSecret" }, ({ container, secret }) => {
          const ref = own.get(secret);
          if (ref === undefined) throw new Error(`no secret of ${container} is called ${secret}`);
          return secrets.use(ref, (bytes) => host.writeSecret(container, secret, bytes, signal));
        })
        .with({ do: "removeSecret" }, ({ container, secret }) => host.removeSecret(container, secret, signal))
        .with({ do: "reload" }, ({ container }) => host.reload(container, signal))
        .with({ do: "start" }, ({ container }) => host.start(container, startOf(wanted), signal))
        .with({ do: "restart" }, ({ container }) => host.restart(container, startOf(wanted), signal))
        .with({ do: "stop" }, ({ container }) => host.stop(container, signal))
        .with({ do: "resetFailed" }, ({ container }) => host.resetFailed(container, signal))
        .with({ do: "remove" }, ({ container }) => host.removeQuadlet(container, signal))
        .with({ do: "release" }, ({ container, digest }) => host.release(container, digest, signal))
        .exhaustive();
    },
    watch: (wanted, { ContainerRuntime: host }, changed) => host.watch(wanted.name, probeOf(wanted), changed),
  },
) {}

/** Where images are, as a rule: before an archive is fetched there has to be room for it there too. */
const IMAGES = "/var/lib/containers/storage";

const imageOf = (image: Wanted["image"]): readonly Reach[] =>
  typeof image === "string"
    ? [{ _tag: "image", image }]
    : [
        { _tag: "imageArchive", asset: image.asset },
        { _tag: "content", bytes: image.size },
      ];

type Reads = ReadPortOf<typeof ContainerRuntime>;
type Foreign = Extract<SeenContainer, { state: "foreign" }>;

const startOf = (wanted: Wanted) => ({ steadyMs: wanted.readyAfterSeconds * 1000, probe: probeOf(wanted) });

/** Null where the container itself tells its health, or nobody does. */
function probeOf({ health }: Pick<Wanted, "health">): Probe | null {
  if (health === undefined || health.type === "command") return null;
  const { interval, timeout, retries, startPeriod, ...question } = health;
  return {
    ...question,
    intervalSeconds: interval,
    timeoutSeconds: timeout,
    failureThreshold: retries,
    successThreshold: 1,
    startPeriodSeconds: startPeriod,
  };
}

async function observe(
  wanted: Wanted,
  made: ReadonlyMap<string, SecretRef>,
  host: Reads,
  signal: AbortSignal,
): Promise<SeenContainer> {
  const { name } = wanted;
  const file = host.quadletFile(name);
  if (file.type === "foreign") return { state: "foreign", container: name, what: file.what, at: file.at };
  const own = file.type === "file" ? readQuadlet(file.text ?? "[Container]") : null;
  if (file.type === "file" && own === null) return somebodyElses(name, "container file");
  const image = soughtBy(wanted, own);
  const secrets = wanted.secrets.map(({ secret }) => secret).filter((secret) => !made.has(secret));
  const seen = await host.container(name, { image, secrets }, signal);
  const foreign = foreignIn(name, seen);
  if (foreign !== null) return foreign;
  const { state, probed } = await stateOf(wanted, seen, host, signal);
  return told(wanted, state, probed, seen, {
    sha256: file.type === "file" ? hashOf(file.text ?? "") : null,
    leftover: file.type === "absent" && file.leftover,
    lacksControllers: neededBy(wanted.limits).filter((need) => !host.controllers().includes(need)),
    image,
    secrets: seenSecrets(made.keys(), seen.ownSecrets),
  });
}

/**
 * What came in an archive goes by a name that means that archive alone. A tag stays at the digest that was found for it, as long as the file says that it was found for this very tag.
 */
function soughtBy(wanted: Wanted, own: OwnQuadlet | null): string {
  const image = referenceOf(wanted.image);
  if (typeof wanted.image !== "string") return image;
  return own?.from === image && own.digest !== null ? pinnedTo(image, own.digest) : image;
}

const somebodyElses = (name: string, what: string): Foreign => ({
  state: "foreign",
  container: name,
  what: `${what} of somebody else`,
  at: `/etc/containers/systemd/${name}.container`,
});

function foreignIn(container: string, { serviceFrom, container: there }: ContainerSeen): Foreign | null {
  if (serviceFrom !== null) return { state: "foreign", container, what: "service of somebody else", at: serviceFrom };
  const isForeign = there !== null && there.spec === null;
  return isForeign ? { state: "foreign", container, what: "container of somebody else", at: there.id } : null;
}

type State = Exclude<SeenContainer["state"], "foreign">;
interface Judged {
  readonly state: State;
  readonly probed: Probed | null;
}

/** The probe is asked of what is up alone: of anything else the answer is known. */
async function stateOf(wanted: Wanted, seen: ContainerSeen, host: Reads, signal: AbortSignal): Promise<Judged> {
  const { service, container } = seen;
  const steadyMs = wanted.readyAfterSeconds * 1000;
  const judged = (state: State, probed: Probed | null = null): Judged => ({ state, probed });
  if (isLooping(service, steadyMs)) return judged("crash-looping");
  if (service.active === "failed") return judged("failed");
  if (service.active === "inactive") return judged(service.load === "not-found" ? "absent" : "stopped");
  if (service.active !== "active" || (service.uptimeMs ?? 0) < steadyMs) return judged("starting");
  const probe = probeOf(wanted);
  const probed = probe === null || container === null ? null : await host.probe(wanted.name, probe, signal);
  const health = probed?.health ?? container?.health ?? "none";
  return judged(health === "unhealthy" || health === "starting" ? health : "running", probed);
}

function told(
  wanted: Wanted,
  state: State,
  probed: Probed | null,
  seen: ContainerSeen,
  looked: {
    readonly sha256: string | null;
    readonly leftover: boolean;
    readonly lacksControllers: Exclude<SeenContainer, Foreign>["lacksControllers"];
    readonly image: string;
    readonly secrets: readonly SeenSecret[];
  },
): SeenContainer {
  const { name } = wanted;
  const reference = referenceOf(wanted.image);
  const { service, container, image } = seen;
  const isByTag = digestIn(reference) === null;
  const pinnedDigest = isByTag ? (digestIn(looked.image) ?? image?.digest ?? null) : null;
  const pinned = pinnedDigest === null ? null : { from: reference, digest: pinnedDigest };
  const digest = digestFor(wanted, { pinned });
  const isUp = service.active !== "inactive" && service.active !== "failed";
  const spec = digest === null ? null : containerText(wanted, digest).spec;
  const facts = {
    container: name,
    service: `${name}.service`,
    sha256: looked.sha256,
    leftover: looked.leftover,
    needsReload: seen.needsReload,
    // Between two attempts to start it there is no container; the next one is by the newest file.
    outdated: container === null ? service.active === "active" : isUp && container.spec !== spec,
    lacksControllers: looked.lacksControllers,
    lacksSecrets: seen.missingSecrets,
    ...(looked.secrets.length > 0 && { secrets: looked.secrets }),
    image: { reference, digest: image?.digest ?? null, kept: image === null ? null : keptBy(name, image.keptFor) },
    pinned,
    warning: isByTag && wanted.image === reference ? warningOf(reference, pinned?.digest ?? null) : null,
    obsolete: seen.kept.filter((each) => each !== digest),
    hasContainer: container !== null,
  };
  const { result, restarts, since } = service;
  const up = {
    ...facts,
    since,
    restarts,
    id: container?.id ?? null,
    imageDigest: container?.imageDigest ?? null,
    health: probed?.health ?? container?.health ?? "none",
    why: probed?.why ?? null,
  };
  return match(state)
    .returnType<SeenContainer>()
    .with("absent", (is) => ({ ...facts, state: is }))
    .with("stopped", (is) => ({ ...facts, state: is, result }))
    .with("failed", "crash-looping", (is) => ({ ...facts, state: is, result, restarts }))
    .with("starting", "unhealthy", "running", (is) => ({ ...up, state: is }))
    .exhaustive();
}

const keptBy = (name: string, keptFor: readonly string[]): "own" | "shared" | "theirs" =>
  keptFor.includes(name) ? "own" : keptFor.length > 0 ? "shared" : "theirs";

const warningOf = (reference: string, digest: string | null): string =>
  digest === null
    ? `${reference} is a tag, which can mean another image tomorrow; it stays at the digest that it has when it is pulled`
    : `${reference} is a tag, which can mean another image tomorrow; it stays at ${digest} here: name that digest in the Score`;

/** A tag that has just been pulled is looked up now. */
async function write(
  name: string,
  image: string,
  wanted: Wanted,
  host: ContainerRuntime,
  signal: AbortSignal,
): Promise<void> {
  const digest = digestIn(image) ?? (await host.container(name, { image, secrets: [] }, signal)).image?.digest ?? null;
  if (digest === null) throw imageGone(image);
  await host.writeQuadlet(name, containerText(wanted, digest).text, signal);
}

const imageGone = (image: string): PortError =>
  new PortError({
    code: "NotFound",
    blame: "device",
    message: `The image ${image} was removed right after it was pulled.`,
    next: "Find what removes images on this device; the Score is tried again.",
  });
