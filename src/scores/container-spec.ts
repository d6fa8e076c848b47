import * as z from "zod";
import type { ResourceController } from "../capabilities/systemd-host.ts";
import { AssetRef } from "./asset.ts";
import { Address, HttpPath, Port } from "./probe-spec.ts";
import { SecretRef } from "./secret.ts";
import { UnitName } from "./unit-names.ts";
import { isWritable } from "./unit-text.ts";

/** What a Container Score says, and the parts of it that have rules of their own. */

const HOST =
  "localhost|[a-z0-9-]+(?:\\.[a-z0-9-]+)+|(?:[a-z0-9-]+(?:\\.[a-z0-9-]+)*):[0-9]{1,5}|[a-z0-9.-]+\\.[a-z0-9-]+:[0-9]{1,5}";
const PART = "[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*";

/** With its registry, so that it means one image everywhere. By a digest, or by a tag. */
const ImageReference = z
  .string()
  .max(512)
  .regex(
    new RegExp(`^(?:${HOST})(?:/${PART})+(?:@sha256:[0-9a-f]{64}|:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})$`),
    "an image is registry/repository@sha256:... or registry/repository:tag, with the registry's host",
  );

/** A name of the runtime's: a volume, a network, a secret. A dot at a known ending would mean a file of that kind. */
const Name = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$/, "a name is 1 to 100 of a-z, A-Z, 0-9, and _ . - within it")
  .refine((name) => !/\.(container|volume|network|pod|image|build|kube)$/.test(name), "a name does not end so");

/** Without what separates the parts of a mount: a path that has it would become two. */
const MountPath = z
  .string()
  .max(1024)
  .regex(/^(\/[\w.+@=-]+)+$/, "a path is absolute, of letters, digits and / . _ + @ = -")
  .refine((path) => !path.split("/").some((part) => part === "." || part === ".."), 'a path has no "." or ".." in it');

/** What is no character by Unicode's own word, the supervisor takes for broken text, and drops the whole line. */
const Text = z
  .string()
  .max(4096)
  .refine(
    isWritable,
    "a unit file cannot hold a line feed, NUL, half of a surrogate pair or what Unicode calls no character",
  );
const Words = z.array(Text).min(1).max(256);
const Variable = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_]{0,127}$/, "a variable is letters, digits and _, not first a digit");

const often = {
  /** Seconds between two looks, 1 to 300. Default 30: a command costs a process of 45 MiB each time. */
  interval: z.int().min(1).max(300).default(30),
  /** Seconds until an answer, 1 to 60. Default 5. */
  timeout: z.int().min(1).max(60).default(5),
  /** How many looks in a row have to fail, 1 to 10. Default 3. */
  retries: z.int().min(1).max(10).default(3),
  /** Seconds after the start in which failures do not count, 0 to 300. Default 0. */
  startPeriod: z.int().min(0).max(300).default(0),
};

const Health = z
  .discriminatedUnion("type", [
    /** The agent asks from outside: the image needs no tool. A status from 200 to 399 is well. */
    z.strictObject({
      /** Who asks, and how: `http` and `tcp` from outside, `command` in the container. */
      type: z.literal("http"),
      /** The port that is asked, 1 to 65535. */
      port: Port,
      /** What is asked for. Default `/`. */
      path: HttpPath.default("/"),
      ...often,
    }),
    /** The agent asks from outside: whether something listens. */
    z.strictObject({
      type: z.literal("tcp"),
      /** The port that is asked, 1 to 65535. */
      port: Port,
      ...often,
    }),
    /** Runs in the container, also while the agent does not. The program is an absolute path. */
    z.strictObject({
      type: z.literal("command"),
      /** The program, by its absolute path, and its arguments; no shell. It is well where it ends with 0. */
      command: Words.refine(([program = ""]) => /^(\/[\w.+-]+)+$/.test(program), "the first word is an absolute path"),
      ...often,
    }),
  ])
  .refine(
    ({ interval, retries, startPeriod }) => startPeriod + interval * (retries + 1) <= 600,
    "startPeriod and interval * (retries + 1) are at most 600 seconds together: so long is a start waited for",
  );

/** What it may use. Refused on a device whose kernel cannot keep it. */
const Limits = z.strictObject({
  /** Bytes, from 6 MiB. */
  memoryMax: z.int().min(6_291_456).optional(),
  /** Percent of one processor; 200 is two whole ones. */
  cpuPercent: z.int().min(1).max(10_000).optional(),
  /** Processes and threads together. */
  pidsMax: z.int().min(1).max(1_000_000).optional(),
});

const Volume = z.strictObject({
  /** A named volume, or an absolute path of the host, which has to be there. */
  from: z.union([MountPath, Name], {
    error:
      "a volume is from an absolute path of letters, digits and / . _ + @ = -, or has a name, which ends in no type",
  }),
  /** Where it is in the container. */
  to: MountPath,
  /** Default false. */
  readOnly: z.boolean().default(false),
});

const PublishedPort = z.strictObject({
  /** An address of the device. Default: all of them. */
  address: Address.optional(),
  /** The port of the device, 1 to 65535. */
  hostPort: Port,
  /** The port in the container, 1 to 65535. */
  containerPort: Port,
  /** Default `tcp`. */
  protocol: z.enum(["tcp", "udp"]).default("tcp"),
});

const Secret = z.strictObject({
  /** `secret("name")`, which is given when the manifest is shipped; or the name of one that the runtime has already. */
  secret: z.union([Name, SecretRef]),
  /** How the container gets it: a file that its user alone can read, or a variable. */
  as: z.union([
    z.strictObject({
      /** The file's absolute path in the container. */
      file: MountPath,
    }),
    z.strictObject({
      /** The variable's name. */
      env: Variable,
    }),
  ]),
});

export const ContainerSpec = z
  .strictObject({
    /** Its name, and that of its service without `.service`. */
    name: Name.refine((name) => !/\.(service|socket|timer|target)$/.test(name), "leave the type of unit out"),
    /**
     * `registry/repository@sha256:...`, or with `:tag`. A tag is looked up once, when the Score comes, and then stays at
     * that digest until the Score changes; the status tells which it is. Or an archive of one image, as `podman save` writes
     * it: `asset("./web.oci.tar")`.
     */
    image: z.union([ImageReference, AssetRef]),
    /** Arguments in place of the image's own. Default: as the image has them. */
    command: Words.optional(),
    /** The program and its first arguments in place of the image's own. Default: as the image has it. */
    entrypoint: Words.optional(),
    /** Default: none but the image's own. */
    environment: z.record(Variable, Text).default({}),
    /** Ports of the device that lead into it. Default none. */
    ports: z.array(PublishedPort).max(64).default([]),
    /** Directories and files of the device, and volumes of the runtime, that are seen in it. Default none. */
    volumes: z.array(Volume).max(64).default([]),
    /** Networks of the runtime, which have to be there; or `host` or `none` alone. Default: the runtime's own bridge. */
    networks: z.array(Name).max(16).default([]),
    /** A user of the image, or a number, and after a `:` a group. Default: as the image says. */
    user: z
      .string()
      .regex(/^[A-Za-z0-9_][\w-]{0,31}(:[A-Za-z0-9_][\w-]{0,31})?$/, 'a user is "app", "1000" or "1000:1000"')
      .optional(),
    /** When the supervisor starts it again by itself. Default `always`. */
    restart: z.enum(["always", "on-failure", "no"]).default("always"),
    /** Seconds between an end and the next start, 1 to 3600. Default 2. */
    restartSeconds: z.int().min(1).max(3600).default(2),
    /** Seconds that it has to stay up before it is Ready, 0 to 20. Default 1. */
    readyAfterSeconds: z.int().min(0).max(20).default(1),
    /** Default: none. */
    limits: Limits.default({}),
    /** How is told that it is well. One that is not is restarted. Default: it is well while it runs. */
    health: Health.optional(),
    /** Default none. */
    secrets: z.array(Secret).max(64).default([]),
    /** Units that are started before it, where they are started at all. Default none. */
    after: z.array(UnitName).max(64).default([]),
  })
  .refine(
    ({ command = [], entrypoint }) => entrypoint !== undefined || !command.some((word) => word === "" || word === ";"),
    {
      error: 'an empty argument, or ";" alone, needs an entrypoint: without one the supervisor takes them for an end',
      path: ["command"],
    },
  )
  .refine(({ networks }) => networks.length < 2 || !networks.some(isNoNetwork), {
    error: '"host" and "none" stand alone',
    path: ["networks"],
  })
  .refine(({ networks, ports }) => ports.length === 0 || !networks.some(isNoNetwork), {
    error: "a port is published from a network of the runtime, not from host or none",
    path: ["ports"],
  })
  .refine(({ networks, health }) => !networks.includes("none") || health === undefined || health.type === "command", {
    error: "without a network only a command can tell its health",
    path: ["health"],
  });

const isNoNetwork = (network: string): boolean => network === "host" || network === "none";

/** The controllers without which the limits would not hold. */
export const neededBy = (limits: z.infer<typeof Limits>): readonly ResourceController[] => [
  ...(limits.memoryMax === undefined ? [] : (["memory"] as const)),
  ...(limits.cpuPercent === undefined ? [] : (["cpu"] as const)),
  ...(limits.pidsMax === undefined ? [] : (["pids"] as const)),
];
