import { createHash } from "node:crypto";
import * as fc from "fast-check";
import { ContainerScore } from "../scores/container.ts";
import { type FakeContainer, FakeContainerRuntime } from "./fake-container-runtime.ts";
import type { FakeImage } from "./fake-images.ts";
import type { Snapshot, World } from "./world.ts";

type Spec = ConstructorParameters<typeof ContainerScore>[0];
type Fact = string | true;

export interface Device {
  readonly images: Readonly<Record<string, FakeImage>>;
  readonly containers: Readonly<Record<string, FakeContainer>>;
}
export type Change =
  | { readonly container: string; readonly to: FakeContainer }
  | { readonly image: string; readonly to: FakeImage | null };

const digest = (digit: string): string => `sha256:${digit.repeat(64)}`;
const [D1, D2, D3] = [digest("1"), digest("2"), digest("3")];
const DIGESTS = [D1, D2, D3];
const REPOSITORY = "registry.example/app";
const TAG = `${REPOSITORY}:1`;

/** A spec, and the file that it stands for, written out by hand: the world never calls the kind. */
interface Written {
  readonly spec: Spec;
  /** Null for a tag: any digest will do that was found for it once. */
  readonly digest: string | null;
  readonly body: (image: string) => string;
  readonly from: string;
}

const INSTALL = "\n[Install]\nWantedBy=multi-user.target\n";

const WRITTEN: readonly Written[] = [
  {
    spec: { name: "web", image: `${REPOSITORY}@${D1}` },
    digest: D1,
    body: (image) =>
      `[Unit]\nDescription=Container web\n\n[Container]\nImage=${image}\nContainerName=web\nPull=never\n` +
      `\n[Service]\nRestart=always\nRestartSec=2s\nTimeoutStartSec=60s\n${INSTALL}`,
    from: "",
  },
  {
    spec: {
      name: "gateway",
      image: TAG,
      command: ["--name", 'a "b" \\ $HOME %n\t'],
      environment: { LEVEL: "in fo", B: "$x %y" },
      ports: [{ address: "::1", hostPort: 8080, containerPort: 80 }],
      volumes: [{ from: "data", to: "/data" }],
      user: "1000:1000",
      restart: "on-failure",
      limits: { pidsMax: 64, cpuPercent: 150 },
      health: { type: "tcp", port: 80 },
      secrets: [{ secret: "token", as: { env: "TOKEN" } }],
    },
    digest: null,
    body: (image) =>
      `[Unit]\nDescription=Container gateway\n\n[Container]\nImage=${image}\nContainerName=gateway\nPull=never\n` +
      'Exec="--name" "a \\"b\\" \\\\ $$HOME %%n\\t"\nEnvironment="B=$$x %%y"\nEnvironment="LEVEL=in fo"\nUser=1000:1000\n' +
      "PublishPort=[::1]:8080:80/tcp\nVolume=data:/data\nSecret=token,type=env,target=TOKEN\n" +
      "PodmanArgs=--cpus=1.5\nPodmanArgs=--pids-limit=64\n" +
      `Label=io.harmony-edge.from=${TAG}\n` +
      `\n[Service]\nRestart=on-failure\nRestartSec=2s\nTimeoutStartSec=60s\n${INSTALL}`,
    from: `Label=io.harmony-edge.from=${TAG}\n`,
  },
];

const of = (spec: Spec): Written => {
  const one = WRITTEN.find((each) => JSON.stringify(each.spec) === JSON.stringify(spec));
  if (one === undefined) throw new Error("a spec of another world");
  return one;
};

/** The value of the label, and the whole text. */
function textOf({ body }: Written, by: string): { readonly label: string; readonly text: string } {
  const bare = body(`${REPOSITORY}@${by}`);
  const label = createHash("sha256").update(bare).digest("hex");
  return { label, text: bare.replace("\n\n[Service]", `\nLabel=io.harmony-edge.spec=${label}\n\n[Service]`) };
}

const FOREIGN_FILE = `[Container]\nImage=${REPOSITORY}@${D1}\n`;
const AROUND: Device = {
  images: { [D3]: { names: ["registry.example/theirs:1"] } },
  containers: { theirs: { file: `[Container]\nImage=registry.example/theirs@${D3}\n`, active: "active" } },
};

const activities = fc.constantFrom("inactive", "starting", "active", "failed", "looping", "unhealthy");

const containersLike = (one: Written): fc.Arbitrary<FakeContainer> => {
  const own = fc.constantFrom(one.digest ?? D1, D2).map((by) => textOf(one, by).text);
  const right = textOf(one, one.digest ?? D1).text;
  return fc.oneof(
    { weight: 4, arbitrary: fc.record({ file: own, active: activities }) },
    { weight: 2, arbitrary: fc.constant<FakeContainer>({ file: right, active: "active" }) },
    {
      weight: 1,
      arbitrary: fc.constantFrom<FakeContainer>(
        { file: `${right}# edited\n`, active: "active" },
        { file: FOREIGN_FILE, active: "active" },
        { obstacle: "directory" },
        { leftover: true },
        { theirs: "container" },
        { theirs: "service" },
      ),
    },
  );
};

const imagesFor = (name: string): fc.Arbitrary<Readonly<Record<string, FakeImage>>> => {
  const image = (by: string): fc.Arbitrary<FakeImage | null> =>
    fc.option(
      fc.record({
        names: fc.constantFrom([`${REPOSITORY}@${by}`], [`${REPOSITORY}@${by}`, "registry.example/copy:1"]),
        keptFor: fc.constantFrom([], [name], ["other"], [name, "other"]),
      }),
      { nil: null },
    );
  return fc.record({ [D1]: image(D1), [D2]: image(D2) }).map((images) => {
    const there: Record<string, FakeImage> = {};
    for (const [by, one] of Object.entries(images)) if (one !== null) there[by] = one;
    return there;
  });
};

const REGISTRY: Readonly<Record<string, string>> = {
  [TAG]: D1,
  ...Object.fromEntries(DIGESTS.map((by) => [`${REPOSITORY}@${by}`, by] as const)),
};

const isForeign = (now: Snapshot<Fact>, name: string): boolean => {
  const file = now[`file:${name}`];
  return (
    now[`obstacle:${name}`] !== undefined ||
    now[`theirs:${name}`] !== undefined ||
    (typeof file === "string" && !file.includes("io.harmony-edge.spec="))
  );
};

const factsOf = (name: string): readonly string[] =>
  ["file", "leftover", "active", "failed", "runs", "unread"].map((what) => `${what}:${name}`);

/** Specs of a container, and the runtime in memory. */
export const containerWorld: World<Spec, Device, Change, Fact> = {
  kind: ContainerScore,
  specs: fc.constantFrom(...WRITTEN.map(({ spec }) => spec)),
  devices: (spec) =>
    fc
      .record({ there: fc.option(containersLike(of(spec)), { nil: null }), images: imagesFor(spec.name) })
      .map(({ there, images }) => ({
        images: { ...AROUND.images, ...images },
        containers: { ...AROUND.containers, ...(there === null ? {} : { [spec.name]: there }) },
      })),
  changes(spec) {
    const one = of(spec);
    const right = textOf(one, one.digest ?? D1).text;
    const change = (to: fc.Arbitrary<FakeContainer>): fc.Arbitrary<Change> =>
      to.map((each) => ({ container: spec.name, to: each }));
    return fc.oneof(
      change(fc.record({ active: activities })),
      change(fc.record({ file: fc.constantFrom(null, right, `${right}# edited\n`, FOREIGN_FILE) })),
      change(fc.constantFrom<FakeContainer>({ leftover: true, file: null }, { obstacle: "directory", file: null })),
      change(fc.constantFrom<FakeContainer>({ theirs: "container", active: "inactive" }, { theirs: "service" })),
      fc.constantFrom<Change>(
        { image: D1, to: null },
        { image: D2, to: { names: [`${REPOSITORY}@${D2}`], keptFor: [spec.name] } },
        { container: "theirs", to: { active: "failed" } },
        { container: "new", to: { theirs: "container" } },
      ),
    );
  },
  open({ images, containers }) {
    const host = new FakeContainerRuntime({ registry: REGISTRY, secrets: ["token"] });
    for (const [by, image] of Object.entries(images)) host.putImage(by, image);
    for (const [name, container] of Object.entries(containers)) host.put(name, container);
    return {
      ports: { ContainerRuntime: host },
      snapshot: () => host.tree(),
      change(change) {
        if ("container" in change) host.put(change.container, change.to);
        else if (change.to === null) host.takeImage(change.image);
        else host.putImage(change.image, change.to);
      },
    };
  },
  about: ({ name }) => [...factsOf(name), ...[D1, D2].flatMap((by) => [`kept:${by}:${name}`, `image:${by}`])],
  judge(spec, now) {
    const { name } = spec;
    const one = of(spec);
    if (isForeign(now, name)) return "obstructed";
    const by = (one.digest === null ? DIGESTS : [one.digest]).find(
      (each) => now[`file:${name}`] === textOf(one, each).text,
    );
    const marks = Object.keys(now).filter((fact) => fact.startsWith(`kept:${by ?? ""}:`));
    const isThere = by !== undefined && now[`image:${by}`] !== undefined;
    const isCurrent = isThere && now[`unread:${name}`] === undefined && now[`runs:${name}`] === textOf(one, by).label;
    if (now[`active:${name}`] === "looping" && isCurrent) return "obstructed";
    const isOurs = marks.length === 0 || now[`kept:${by ?? ""}:${name}`] !== undefined;
    const isTidy = !DIGESTS.some((each) => each !== by && now[`kept:${each}:${name}`] !== undefined);
    return isCurrent && isOurs && isTidy && now[`active:${name}`] === "active" ? "so" : "not-so";
  },
  left({ name }, now) {
    if (isForeign(now, name)) return now;
    const gone = new Set(factsOf(name));
    for (const by of DIGESTS) {
      if (now[`kept:${by}:${name}`] === undefined) continue;
      gone.add(`kept:${by}:${name}`);
      const isKept = Object.keys(now).some((fact) => fact.startsWith(`kept:${by}:`) && !gone.has(fact));
      const isNamed = String(now[`image:${by}`]).includes(" ");
      const isUsed = Object.entries(now).some(
        ([fact, text]) => fact.startsWith("file:") && !gone.has(fact) && String(text).includes(by),
      );
      if (!isKept && !isNamed && !isUsed) gone.add(`image:${by}`);
    }
    return Object.fromEntries(Object.entries(now).filter(([fact]) => !gone.has(fact)));
  },
};
