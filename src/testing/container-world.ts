import * as fc from "fast-check";
import { ContainerScore } from "../scores/container.ts";
import { type ContainerSite, type ContainerSpec as Spec, textOf, writtenFor, type Written } from "./container-site.ts";
import { fakeArchive } from "./fake-archive.ts";
import { FakeAssets } from "./fake-assets.ts";
import { type FakeContainer, FakeContainerRuntime } from "./fake-container-runtime.ts";
import { type FakeImage, namesLeft } from "./fake-images.ts";
import type { Snapshot, World } from "./world.ts";

export type ContainerFact = string | true;
type Fact = ContainerFact;

export interface ContainerDevice {
  readonly images: Readonly<Record<string, FakeImage>>;
  readonly containers: Readonly<Record<string, FakeContainer>>;
}
export type ContainerChange =
  | { readonly container: string; readonly to: FakeContainer }
  | { readonly image: string; readonly to: FakeImage | null };

const digest = (digit: string): string => `sha256:${digit.repeat(64)}`;
const ARCHIVE = fakeArchive([digest("1")]);
const IN_MEMORY: ContainerSite = {
  archive: new FakeAssets().put(ARCHIVE),
  repository: "registry.example/app",
  digests: [digest("1"), digest("2"), digest("3")],
  theirs: "registry.example/theirs",
  limits: true,
  restartSeconds: 2,
  readyAfterSeconds: 1,
};

type Device = ContainerDevice;
type Change = ContainerChange;
export type ContainerWorld = World<Spec, Device, Change, Fact>;

const activities = fc.constantFrom("inactive", "starting", "active", "failed", "looping", "unhealthy");

const foreignFile = ({ repository, digests }: ContainerSite): string =>
  `[Container]\nImage=${repository}@${digests[0]}\n`;

const containersLike = (one: Written, site: ContainerSite): fc.Arbitrary<FakeContainer> => {
  const [first, second] = site.digests.map((by) => textOf(one, `${one.repository}@${by}`).text);
  const own = fc.constantFrom(first, second);
  const right = first;
  return fc.oneof(
    { weight: 4, arbitrary: fc.record({ file: own, active: activities }) },
    { weight: 2, arbitrary: fc.constant<FakeContainer>({ file: right, active: "active" }) },
    {
      weight: 1,
      arbitrary: fc.constantFrom<FakeContainer>(
        { file: `${right}# edited\n`, active: "active" },
        { file: foreignFile(site), active: "active" },
        { obstacle: "directory" },
        { leftover: true },
        { theirs: "container" },
        { theirs: "service" },
      ),
    },
  );
};

const imagesFor = (
  name: string,
  { repository, digests }: Pick<ContainerSite, "repository" | "digests">,
  archive: string | null,
): fc.Arbitrary<Readonly<Record<string, FakeImage>>> => {
  const image = (by: string, named = `${repository}@${by}`): fc.Arbitrary<FakeImage | null> =>
    fc.option(
      fc.record({
        names: fc.constantFrom([named], [named, "registry.example/copy:1"]),
        keptFor: fc.constantFrom([], [name], ["other"], [name, "other"]),
      }),
      { nil: null },
    );
  const [first, second] = digests;
  return fc.record({ [first]: image(first, archive ?? undefined), [second]: image(second) }).map((images) => {
    const there: Record<string, FakeImage> = {};
    for (const [by, one] of Object.entries(images)) if (one !== null) there[by] = one;
    return there;
  });
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

/** The world of containers at one site; `open` makes a place of it. */
export function containerWorldAt(site: ContainerSite, open: ContainerWorld["open"]): ContainerWorld {
  const { repository, digests } = site;
  const [first, second, theirs] = digests;
  const written = writtenFor(site);
  const of = (spec: Spec): Written => {
    const one = written.find((each) => JSON.stringify(each.spec) === JSON.stringify(spec));
    if (one === undefined) throw new Error("a spec of another world");
    return one;
  };
  const by = (one: Written, which: string) => textOf(one, `${one.repository}@${which}`);
  const around: Device = {
    images: { [theirs]: { names: [`${site.theirs}:1`] } },
    containers: {
      theirs: { file: `[Container]\nImage=${site.theirs}@${theirs}\nContainerName=theirs\n`, active: "active" },
    },
  };
  return {
    kind: ContainerScore,
    specs: fc.constantFrom(...written.map(({ spec }) => spec)),
    devices: (spec) =>
      fc
        .record({
          there: fc.option(containersLike(of(spec), site), { nil: null }),
          images: imagesFor(spec.name, site, typeof spec.image === "string" ? null : `${of(spec).repository}:image`),
        })
        .map(({ there, images }) => ({
          images: { ...around.images, ...images },
          containers: { ...around.containers, ...(there === null ? {} : { [spec.name]: there }) },
        })),
    changes(spec) {
      const right = by(of(spec), first).text;
      const change = (to: fc.Arbitrary<FakeContainer>): fc.Arbitrary<Change> =>
        to.map((each) => ({ container: spec.name, to: each }));
      return fc.oneof(
        change(fc.record({ active: activities })),
        change(fc.record({ file: fc.constantFrom(null, right, `${right}# edited\n`, foreignFile(site)) })),
        change(fc.constantFrom<FakeContainer>({ leftover: true, file: null }, { obstacle: "directory", file: null })),
        change(fc.constantFrom<FakeContainer>({ theirs: "container", active: "inactive" }, { theirs: "service" })),
        fc.constantFrom<Change>(
          { image: first, to: null },
          { image: second, to: { names: [`${repository}@${second}`], keptFor: [spec.name] } },
          { container: "theirs", to: { active: "failed" } },
          { container: "new", to: { theirs: "container" } },
        ),
      );
    },
    open,
    about: ({ name }) => [
      ...factsOf(name),
      ...[first, second].flatMap((each) => [`kept:${each}:${name}`, `image:${each}`]),
    ],
    judge(spec, now) {
      const { name } = spec;
      const one = of(spec);
      if (isForeign(now, name)) return "obstructed";
      const found = (one.digest === null ? digests : [one.digest]).find(
        (each) => now[`file:${name}`] === by(one, each).text,
      );
      const marks = Object.keys(now).filter((fact) => fact.startsWith(`kept:${found ?? ""}:`));
      const isThere = found !== undefined && now[`image:${found}`] !== undefined;
      const isCurrent = isThere && now[`unread:${name}`] === undefined && now[`runs:${name}`] === by(one, found).label;
      if (now[`active:${name}`] === "looping" && isCurrent) return "obstructed";
      const isOurs = marks.length === 0 || now[`kept:${found ?? ""}:${name}`] !== undefined;
      const isTidy = !digests.some((each) => each !== found && now[`kept:${each}:${name}`] !== undefined);
      return isCurrent && isOurs && isTidy && now[`active:${name}`] === "active" ? "so" : "not-so";
    },
    left({ name }, now) {
      if (isForeign(now, name)) return now;
      const gone = new Set(factsOf(name));
      const left = { ...now };
      for (const each of digests) {
        if (now[`kept:${each}:${name}`] === undefined) continue;
        gone.add(`kept:${each}:${name}`);
        const isKept = Object.keys(now).some((fact) => fact.startsWith(`kept:${each}:`) && !gone.has(fact));
        const names = namesLeft(String(now[`image:${each}`]).split(" "));
        const isUsed = Object.entries(now).some(
          ([fact, text]) => fact.startsWith("file:") && !gone.has(fact) && String(text).includes(each),
        );
        if (isKept || isUsed) continue;
        if (names === null) gone.add(`image:${each}`);
        else left[`image:${each}`] = names.join(" ");
      }
      return Object.fromEntries(Object.entries(left).filter(([fact]) => !gone.has(fact)));
    },
  };
}

/** What the registry has, digests by reference. */
const REGISTRY: Readonly<Record<string, string>> = {
  [`${IN_MEMORY.repository}:1`]: IN_MEMORY.digests[0],
  ...Object.fromEntries(IN_MEMORY.digests.map((by) => [`${IN_MEMORY.repository}@${by}`, by] as const)),
};

/** Specs of a container, and the runtime in memory. */
export const containerWorld: ContainerWorld = containerWorldAt(IN_MEMORY, ({ images, containers }) => {
  const host = new FakeContainerRuntime({ registry: REGISTRY, secrets: ["token"] });
  for (const [by, image] of Object.entries(images)) host.putImage(by, image);
  for (const [name, container] of Object.entries(containers)) host.put(name, container);
  const assets = new FakeAssets();
  assets.put(ARCHIVE);
  return {
    ports: { ContainerRuntime: host },
    assets,
    snapshot: () => host.tree(),
    change(change) {
      if ("container" in change) host.put(change.container, change.to);
      else if (change.to === null) host.takeImage(change.image);
      else host.putImage(change.image, change.to);
    },
  };
});
