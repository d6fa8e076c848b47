import { createHash } from "node:crypto";
import type { AssetRef } from "../scores/asset.ts";
import type { ContainerScore } from "../scores/container.ts";

export type ContainerSpec = ConstructorParameters<typeof ContainerScore>[0];

/** What the specs of the world of containers name, and a place of it has to have. */
export interface ContainerSite {
  /** A repository with the first two images, of which the first has the tag `1`. */
  readonly repository: string;
  /** Of two images that Scores run by, and of one that is somebody else's. */
  readonly digests: readonly [first: string, second: string, theirs: string];
  /** The repository of somebody else's image. */
  readonly theirs: string;
  /** An archive of the first image; null where there is none. */
  readonly archive: AssetRef | null;
  /** Whether processors and processes can be limited. */
  readonly limits: boolean;
  /** Seconds between an end and the next start. */
  readonly restartSeconds: number;
  readonly readyAfterSeconds: number;
}

/** A spec, and the file that it stands for, written out by hand: the world never calls the kind. */
export interface Written {
  readonly spec: ContainerSpec;
  /** Null for a tag: any digest will do that was found for it once. */
  readonly digest: string | null;
  /** What stands before the digest of its image. */
  readonly repository: string;
  readonly body: (image: string) => string;
}

/** What the program of `gateway` listens at. */
export const GATEWAY_PORT = 8088;

const INSTALL = "\n[Install]\nWantedBy=multi-user.target\n";

export function writtenFor(site: ContainerSite): readonly Written[] {
  const { repository, digests, limits, restartSeconds, readyAfterSeconds } = site;
  const tag = `${repository}:1`;
  const often = { restartSeconds, readyAfterSeconds };
  return [
    {
      spec: { name: "web", image: `${repository}@${digests[0]}`, ...often },
      digest: digests[0],
      repository,
      body: (image) =>
        `[Unit]\nDescription=Container web\n\n[Container]\nImage=${image}\nContainerName=web\nPull=never\n` +
        `\n[Service]\nRestart=always\nRestartSec=${restartSeconds}s\nTimeoutStartSec=60s\n${INSTALL}`,
    },
    {
      spec: {
        name: "gateway",
        image: tag,
        command: ["--name", 'a "b" \\ $HOME %n\t'],
        environment: { LEVEL: "in fo", B: "$x %y" },
        ports: [{ address: "::1", hostPort: 8080, containerPort: 80 }],
        volumes: [{ from: "data", to: "/data" }],
        user: "1000:1000",
        restart: "on-failure",
        limits: limits ? { pidsMax: 64, cpuPercent: 150 } : {},
        health: { type: "tcp", port: GATEWAY_PORT, interval: 1, retries: 1 },
        secrets: [{ secret: "token", as: { env: "TOKEN" } }],
        ...often,
      },
      digest: null,
      repository,
      body: (image) =>
        `[Unit]\nDescription=Container gateway\n\n[Container]\nImage=${image}\nContainerName=gateway\nPull=never\n` +
        'Exec="--name" "a \\"b\\" \\\\ $$HOME %%n\\t"\nEnvironment="B=$$x %%y"\nEnvironment="LEVEL=in fo"\nUser=1000:1000\n' +
        "PublishPort=[::1]:8080:80/tcp\nVolume=data:/data\nSecret=token,type=env,target=TOKEN\n" +
        (limits ? "PodmanArgs=--cpus=1.5\nPodmanArgs=--pids-limit=64\n" : "") +
        `Label=io.harmony-edge.from=${tag}\n` +
        `\n[Service]\nRestart=on-failure\nRestartSec=${restartSeconds}s\nTimeoutStartSec=60s\n${INSTALL}`,
    },
    ...(site.archive === null ? [] : [loadedFrom(site.archive, site)]),
  ];
}

function loadedFrom(archive: AssetRef, { digests, restartSeconds, readyAfterSeconds }: ContainerSite): Written {
  const repository = `localhost/harmony-edge-asset/${archive.asset}`;
  return {
    spec: { name: "loaded", image: archive, restartSeconds, readyAfterSeconds },
    digest: digests[0],
    repository,
    body: (image) =>
      `[Unit]\nDescription=Container loaded\n\n[Container]\nImage=${image}\nContainerName=loaded\nPull=never\n` +
      `Label=io.harmony-edge.from=${repository}:image\n` +
      `\n[Service]\nRestart=always\nRestartSec=${restartSeconds}s\nTimeoutStartSec=60s\n${INSTALL}`,
  };
}

/** The value of the label, and the whole text. */
export function textOf({ body }: Written, image: string): { readonly label: string; readonly text: string } {
  const bare = body(image);
  const label = createHash("sha256").update(bare).digest("hex");
  return { label, text: bare.replace("\n\n[Service]", `\nLabel=io.harmony-edge.spec=${label}\n\n[Service]`) };
}
