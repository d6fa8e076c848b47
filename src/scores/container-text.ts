import type * as z from "zod";
import type { AssetRef } from "./asset.ts";
import type { ContainerSpec } from "./container-spec.ts";
import { hashOf } from "./own-unit.ts";
import type { Frozen } from "./spec.ts";
import { argument, type Directive, plain, unitText } from "./unit-text.ts";

/** How a container's Quadlet file is written, and what is read back from it. Pure. */

type Said = Frozen<z.infer<typeof ContainerSpec>>;
/** As the spec says, with the names that the runtime has for its secrets. */
export interface Wanted extends Omit<Said, "secrets"> {
  readonly secrets: readonly (Omit<Said["secrets"][number], "secret"> & { readonly secret: string })[];
}

const SPEC_LABEL = "io.harmony-edge.spec";
const FROM_LABEL = "io.harmony-edge.from";

/** What becomes an argument of a command line later, where `$` and `%` mean something. */
const verbatim = (value: string): string => plain(value).replaceAll("$", () => "$$");

/** JSON has escapes of its own for what a line cannot hold, and the runtime reads it. */
const jsonWords = (words: readonly string[]): string =>
  verbatim(JSON.stringify(words).replaceAll("\u007F", String.raw`\u007f`));

const optional = (name: string, value: string | number | undefined): readonly Directive[] =>
  value === undefined ? [] : [[name, String(value)]];

/** What the image goes by on the device. That of an archive has a name of its own, by which it is found again unread. */
export const referenceOf = (image: string | AssetRef): string =>
  typeof image === "string" ? image : `localhost/harmony-edge-asset/${image.asset}:image`;

/** `repository@digest` of a reference by tag or by digest. */
export const pinnedTo = (image: string, digest: string): string => `${repositoryOf(image)}@${digest}`;
const repositoryOf = (image: string): string => image.replace(/(@sha256:[0-9a-f]{64}|:[\w.-]+)$/, "");

/** The digest that a reference names by itself; null for a tag. */
export const digestIn = (image: string): string | null => /@(sha256:[0-9a-f]{64})$/.exec(image)?.[1] ?? null;

export interface ContainerText {
  readonly text: string;
  /** The value of the label `io.harmony-edge.spec`: the hash of all the rest. */
  readonly spec: string;
}

/** The Quadlet file. The same description has the same text, for its hash is what decides whether the container changed. */
export function containerText(wanted: Wanted, digest: string): ContainerText {
  const spec = hashOf(textWith(wanted, digest, []));
  return { text: textWith(wanted, digest, [["Label", `${SPEC_LABEL}=${spec}`]]), spec };
}

function textWith(wanted: Wanted, digest: string, last: readonly Directive[]): string {
  const { name, environment, health } = wanted;
  const image = referenceOf(wanted.image);
  const waits = health?.type === "command" ? health.startPeriod + health.interval * (health.retries + 1) : 0;
  return unitText([
    [
      "Unit",
      [["Description", `Container ${name}`], ...optional("After", wanted.after.map(plain).join(" ") || undefined)],
    ],
    [
      "Container",
      [
        ["Image", pinnedTo(image, digest)],
        ["ContainerName", name],
        // The agent pulls, where it can tell of progress and failure.
        ["Pull", "never"],
        ...programOf(wanted),
        ...Object.keys(environment)
          .toSorted()
          .map((key) => ["Environment", argument(`${key}=${environment[key] ?? ""}`)] as const),
        ...optional("User", wanted.user),
        ...wanted.networks.map((network) => ["Network", network] as const),
        ...wanted.ports.map((port) => ["PublishPort", published(port)] as const),
        ...wanted.volumes.map(({ from, to, readOnly }) => ["Volume", `${from}:${to}${readOnly ? ":ro" : ""}`] as const),
        ...wanted.secrets.map(({ secret, as }) => ["Secret", `${secret},${handed(as)}`] as const),
        ...limitsOf(wanted),
        ...healthOf(wanted),
        ...(digestIn(image) === null ? [["Label", `${FROM_LABEL}=${image}`] as const] : []),
        ...last,
      ],
    ],
    [
      "Service",
      [
        ["Restart", wanted.restart],
        ["RestartSec", `${wanted.restartSeconds}s`],
        ["TimeoutStartSec", `${60 + waits}s`],
      ],
    ],
    ["Install", [["WantedBy", "multi-user.target"]]],
  ]);
}

/** With an entrypoint the whole command line is in it: there, unlike in `Exec`, an argument can be empty. */
function programOf({ entrypoint, command = [] }: Wanted): readonly Directive[] {
  if (entrypoint !== undefined) return [["Entrypoint", jsonWords([...entrypoint, ...command])]];
  return command.length === 0 ? [] : [["Exec", command.map(argument).join(" ")]];
}

function published({ address, hostPort, containerPort, protocol }: Wanted["ports"][number]): string {
  const on = address === undefined ? "" : address.includes(":") ? `[${address}]:` : `${address}:`;
  return `${on}${hostPort}:${containerPort}/${protocol}`;
}

const handed = (as: Wanted["secrets"][number]["as"]): string =>
  "file" in as ? `type=mount,target=${as.file},mode=0400` : `type=env,target=${as.env}`;

function limitsOf({ limits: { memoryMax, cpuPercent, pidsMax } }: Wanted): readonly Directive[] {
  const args = [
    ...(memoryMax === undefined ? [] : [`--memory=${memoryMax}`]),
    ...(cpuPercent === undefined ? [] : [`--cpus=${cpuPercent / 100}`]),
    ...(pidsMax === undefined ? [] : [`--pids-limit=${pidsMax}`]),
  ];
  return args.map((each) => ["PodmanArgs", each] as const);
}

function healthOf({ health }: Wanted): readonly Directive[] {
  if (health?.type !== "command") return [];
  const [program = "", ...more] = health.command;
  return [
    // A list of one word would be run by a shell, which an image need not have.
    ["HealthCmd", more.length === 0 ? `CMD ${program}` : jsonWords(health.command)],
    ["HealthInterval", `${health.interval}s`],
    ["HealthTimeout", `${health.timeout}s`],
    ["HealthRetries", String(health.retries)],
    ["HealthStartPeriod", `${health.startPeriod}s`],
    // The supervisor then sees that it ended: nothing has to stay and listen.
    ["HealthOnFailure", "kill"],
    ["Notify", "healthy"],
  ];
}

/** What a file says of itself. Null where it defines a container that is not Harmony's. */
export interface OwnQuadlet {
  readonly digest: string | null;
  /** The reference by tag that the digest was found by. */
  readonly from: string | null;
}

export function readQuadlet(text: string): OwnQuadlet | null {
  const isContainer = /^\s*\[Container\]/m.test(text);
  if (isContainer && !/^Label=io\.harmony-edge\.spec=/m.test(text)) return null;
  return {
    digest: digestIn(/^Image=(\S+)$/m.exec(text)?.[1] ?? ""),
    from: /^Label=io\.harmony-edge\.from=(\S+)$/m.exec(text)?.[1] ?? null,
  };
}
