import { match } from "ts-pattern";
import * as z from "zod";
import type { ResourceController } from "../capabilities/systemd-host.ts";
import { SeenSecret } from "./container-secrets.ts";
import { containerText, digestIn, pinnedTo, referenceOf, type Wanted } from "./container-text.ts";
import type { Obstruction, Plan } from "./outcome.ts";
import { hashOf, unitDisturbance } from "./own-unit.ts";
import type { Disturbance, Pause } from "./score.ts";

/** What is seen of a container, and what is to be done about it. Pure. */

const Pinned = z.object({ from: z.string(), digest: z.string() });

const facts = {
  container: z.string(),
  /** The service that the supervisor runs it as. */
  service: z.string(),
  /** Of the Quadlet file; null where there is none. */
  sha256: z.string().nullable(),
  /** Whether an interrupted write left its temporary file; told only where there is no file. */
  leftover: z.boolean(),
  needsReload: z.boolean(),
  /** Whether it runs by another spec, or without a container. */
  outdated: z.boolean(),
  lacksControllers: z.array(z.enum(["cpu", "memory", "pids"])).readonly(),
  lacksSecrets: z.array(z.string()).readonly(),
  /** Those that are made for it; missing where there are none, nor should be. */
  secrets: z.array(SeenSecret).readonly().exactOptional(),
  image: z.object({
    reference: z.string(),
    /** Null where it is not on the device. */
    digest: z.string().nullable(),
    /** `own`: it was pulled for this container. `shared`: for another one of Harmony's alone. `theirs`: it was there before. */
    kept: z.enum(["own", "shared", "theirs"]).nullable(),
  }),
  /** For an image by tag: the digest that it stays at; null until it was looked up. */
  pinned: Pinned.nullable(),
  /** What an author should know. */
  warning: z.string().nullable(),
  /** Digests of older images that are still kept for it. */
  obsolete: z.array(z.string()).readonly(),
  /** Whether anything of the container is there, running or not. */
  hasContainer: z.boolean(),
};
const up = {
  ...facts,
  since: z.string().nullable(),
  restarts: z.number(),
  id: z.string().nullable(),
  imageDigest: z.string().nullable(),
  health: z.enum(["none", "starting", "healthy", "unhealthy"]),
  /** What the last look at its health met with; null where that was well. */
  why: z.string().nullable(),
};

export const SeenContainer = z.discriminatedUnion("state", [
  z.object({ ...facts, state: z.literal("absent") }),
  /** Something of that name is not Harmony's: a container, a service, or what stands at the place of the file. */
  z.object({ state: z.literal("foreign"), container: z.string(), what: z.string(), at: z.string() }),
  z.object({ ...facts, state: z.literal("stopped"), result: z.string().nullable() }),
  z.object({ ...facts, state: z.literal("failed"), result: z.string().nullable(), restarts: z.number() }),
  /** It ends again and again, or never comes to be healthy, and is started again and again. */
  z.object({ ...facts, state: z.literal("crash-looping"), result: z.string().nullable(), restarts: z.number() }),
  /** On its way: up for less than it takes to be called running, or not yet healthy. */
  z.object({ ...up, state: z.literal("starting") }),
  z.object({ ...up, state: z.literal("unhealthy") }),
  z.object({ ...up, state: z.literal("running") }),
]);
export type SeenContainer = z.infer<typeof SeenContainer>;
type Foreign = Extract<SeenContainer, { state: "foreign" }>;
type OwnContainer = Exclude<SeenContainer, Foreign>;

const about = { container: z.string() };
export const ContainerStep = z.discriminatedUnion("do", [
  z.object({ ...about, do: z.literal("pull"), image: z.string() }),
  /** Brings the archive of the image to the device, unless it is there already. */
  z.object({ ...about, do: z.literal("fetch"), asset: z.string(), size: z.number() }),
  z.object({ ...about, do: z.literal("load"), image: z.string(), asset: z.string(), size: z.number() }),
  /** The image was pulled for another container: it shall not go with that one. */
  z.object({ ...about, do: z.literal("keep"), image: z.string() }),
  /** `sha256` is null where the digest of the image is not known before it is pulled. */
  z.object({
    ...about,
    do: z.literal("write"),
    image: z.string(),
    sha256: z.string().nullable(),
    replaces: z.string().nullable(),
  }),
  /** `secret`: the name that the runtime has for it. */
  z.object({ ...about, do: z.literal("writeSecret"), secret: z.string() }),
  z.object({ ...about, do: z.literal("removeSecret"), secret: z.string() }),
  z.object({ ...about, do: z.literal("reload") }),
  z.object({ ...about, do: z.literal("start") }),
  z.object({ ...about, do: z.literal("restart") }),
  z.object({ ...about, do: z.literal("stop") }),
  z.object({ ...about, do: z.literal("resetFailed") }),
  z.object({ ...about, do: z.literal("remove") }),
  z.object({ ...about, do: z.literal("release"), digest: z.string() }),
]);
export type ContainerStep = z.infer<typeof ContainerStep>;

/** The digest that the container is to run by, as far as it is known. */
export const digestFor = (wanted: Wanted, seen: Pick<OwnContainer, "pinned">): string | null =>
  digestIn(referenceOf(wanted.image)) ?? seen.pinned?.digest ?? null;

export function planContainer(wanted: Wanted, seen: SeenContainer): Plan<ContainerStep> {
  if (seen.state === "foreign") return foreignStands(seen);
  if (seen.lacksControllers.length > 0) return cannotLimit(wanted.name, seen.lacksControllers);
  if (seen.lacksSecrets.length > 0) return lacksSecrets(wanted.name, seen.lacksSecrets);
  const container = wanted.name;
  const digest = digestFor(wanted, seen);
  const sha256 = digest === null ? null : hashOf(containerText(wanted, digest).text);
  const reference = referenceOf(wanted.image);
  const image = digest === null ? reference : pinnedTo(reference, digest);
  const writes = sha256 === null || seen.sha256 !== sha256;
  const isOld = writes || seen.needsReload || seen.outdated;
  const steps: ContainerStep[] = [];
  for (const { name, state } of seen.secrets ?? []) {
    if (state === "missing") steps.push({ do: "writeSecret", container, secret: name });
  }
  if (seen.image.kept === null) steps.push(...bringing(wanted, image));
  // By a newer file or image it may run, so it is tried with that first.
  if (seen.state === "crash-looping" && !isOld && steps.length === 0) return crashLoops(seen);
  if (seen.image.kept === "shared") steps.push({ do: "keep", container, image });
  if (writes) steps.push({ do: "write", container, image, sha256, replaces: seen.sha256 });
  if (writes || seen.needsReload) steps.push({ do: "reload", container });
  steps.push(...jobsFor(container, seen, isOld));
  for (const old of seen.obsolete) steps.push({ do: "release", container, digest: old });
  steps.push(...removals(container, seen, "stray"));
  return steps;
}

/** What is loaded gets its name from the archive, and not from the digest that it had before. */
function bringing({ name: container, image: wanted }: Wanted, image: string): readonly ContainerStep[] {
  if (typeof wanted === "string") return [{ do: "pull", container, image }];
  return [
    { do: "fetch", container, ...wanted },
    { do: "load", container, image: referenceOf(wanted), ...wanted },
  ];
}

const removals = (container: string, { secrets = [] }: OwnContainer, what: "stray" | "all"): readonly ContainerStep[] =>
  secrets
    .filter(({ state }) => state === "stray" || (what === "all" && state === "there"))
    .map(({ name }) => ({ do: "removeSecret", container, secret: name }) as const);

/** As the plan, and what it keeps running is started anew: as if it ran by an older file. */
export const restartContainer = (wanted: Wanted, seen: SeenContainer): Plan<ContainerStep> =>
  planContainer(wanted, seen.state === "foreign" ? seen : { ...seen, outdated: true });

/** A container is up as long as its service is. */
export const containerDisturbance = ({ do: taken, container }: ContainerStep): Disturbance | null =>
  unitDisturbance({ do: taken, unit: `${container}.service` });

/** To read all files again takes long and serves all containers; a pull, a load and a start take as long as they do. */
export const pauseBefore = ({ do: taken }: ContainerStep): Pause =>
  match(taken)
    .returnType<Pause>()
    .with("reload", () => "gather")
    .with("pull", "fetch", "load", "start", "restart", () => "aside")
    .otherwise(() => null);

/** What makes it run, by the file that is there now. */
const jobsFor = (container: string, { state }: OwnContainer, isOld: boolean): readonly ContainerStep[] =>
  match(state)
    .returnType<readonly ContainerStep[]>()
    .with("running", () => (isOld ? [{ do: "restart", container }] : []))
    .with("starting", () => [{ do: isOld ? "restart" : "start", container }])
    .with("unhealthy", () => [{ do: "restart", container }])
    .with("absent", "stopped", () => [{ do: "start", container }])
    // Else the supervisor refuses to start what it has started too often.
    .with("failed", "crash-looping", () => [
      { do: "resetFailed", container },
      { do: "restart", container },
    ])
    .exhaustive();

export function retireContainer({ name: container }: Wanted, seen: SeenContainer): Plan<ContainerStep> {
  if (seen.state === "foreign") return foreignStands(seen);
  const isThere = seen.sha256 !== null || seen.leftover;
  const isDown = seen.state === "absent" || seen.state === "stopped" || seen.state === "failed";
  const steps: ContainerStep[] = [];
  if (!isDown || seen.hasContainer) steps.push({ do: "stop", container });
  if (isThere) steps.push({ do: "remove", container });
  if (isThere || seen.needsReload) steps.push({ do: "reload", container });
  // A service that ended badly is kept by the supervisor, without a file, until it is told to forget it.
  if (seen.state !== "absent" && seen.state !== "stopped") steps.push({ do: "resetFailed", container });
  const kept = seen.image.kept === "own" && seen.image.digest !== null ? [seen.image.digest] : [];
  for (const digest of [...kept, ...seen.obsolete]) steps.push({ do: "release", container, digest });
  return [...steps, ...removals(container, seen, "all")];
}

const foreignStands = ({ container, what, at }: Foreign): Obstruction => ({
  obstructed: `a ${what} stands at ${at}, where the container ${container} should be Harmony's own`,
  blame: "device",
  next: `Give the Score another name, or take away what stands at ${at}.`,
});

const cannotLimit = (name: string, lacks: readonly ResourceController[]): Obstruction => ({
  obstructed: `the container ${name} has limits that the kernel of this device cannot keep: it has no cgroup controller for ${lacks.join(", ")}`,
  blame: "device",
  next: lacks.includes("memory")
    ? 'Add "cgroup_enable=memory" to the kernel command line (/boot/firmware/cmdline.txt on a Raspberry Pi) and reboot, or take the limit out.'
    : "Turn the controller on in the kernel's configuration, or take the limit out.",
});

const lacksSecrets = (name: string, lacks: readonly string[]): Obstruction => ({
  obstructed: `the container ${name} needs the ${lacks.length === 1 ? "secret" : "secrets"} ${lacks.join(", ")}, which this device does not have`,
  blame: "device",
  next: `Put it there (podman secret create ${lacks[0] ?? ""} FILE), or correct its name in the Score.`,
});

const crashLoops = (seen: Extract<SeenContainer, { state: "crash-looping" }>): Obstruction => ({
  obstructed: `the container ${seen.container} ends, or is not healthy, soon after each start (${seen.result ?? "unknown result"}); it has been started again ${seen.restarts} times`,
  blame: "author",
  next: `Read why: journalctl --unit ${seen.service} --lines 50. A change of the Score, or "systemctl restart ${seen.service}", starts it anew.`,
});
