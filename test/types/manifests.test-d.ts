import {
  compose,
  type Composition,
  DirectoryScore,
  FileScore,
  FileSystemHost,
  K8sClient,
  K8sDeploymentScore,
  type Manifest,
  manifest,
  PiTopology,
  SystemdServiceScore,
  topology,
} from "harmony-edge";

/** What authors write and both compilers must accept. */

export const one = manifest(PiTopology, { motd: new FileScore({ path: "/etc/motd", content: "hello\n" }) });

export const empty = manifest(PiTopology, {});

export const ordered = manifest(
  PiTopology,
  {
    www: new DirectoryScore({ path: "/srv/www", mode: "0750", owner: "www-data" }),
    "index.html": new FileScore({ path: "/srv/www/index.html", content: { base64: "PGgxPkhpPC9oMT4=" } }),
    web: new SystemdServiceScore({ name: "web", exec: ["/usr/bin/web"] }),
  },
  { after: { "index.html": ["www"], web: ["www", "index.html"] }, restartOn: { web: ["index.html"] } },
);

/** More than what is required is no hindrance, and a Score of each sort may stand beside the others. */
const Cluster = topology("Cluster", [K8sClient, FileSystemHost]);
export const mixed = manifest(Cluster, {
  shop: new K8sDeploymentScore({ name: "shop", image: "shop:1" }),
  motd: new FileScore({ path: "/etc/motd", content: "hello\n" }),
});

/** Parts that are put together from functions and spreads. */
const website = (name: string) => ({
  www: new DirectoryScore({ path: `/srv/${name}` }),
  index: new FileScore({ path: `/srv/${name}/index.html`, content: `<h1>${name}</h1>\n` }),
});
const banner = { motd: new FileScore({ path: "/etc/motd", content: "hello\n" }) } satisfies Record<string, FileScore>;
export const composed = manifest(
  PiTopology,
  { ...website("shop"), ...banner },
  { after: { index: ["www"], motd: ["index"] } },
);

/** A manifest made in a function, for any number of things. */
export function many(paths: readonly string[]): Manifest {
  const files: Record<string, FileScore> = {};
  for (const [at, path] of paths.entries()) files[`file-${at}`] = new FileScore({ path, content: "" });
  return manifest(PiTopology, { ...files, ...banner });
}

/** Where the ids are known at run time alone, order is too. */
export function inARow(files: Record<string, FileScore>): Manifest {
  const ids = Object.keys(files);
  return manifest(PiTopology, files, {
    after: Object.fromEntries(ids.slice(1).map((id, at) => [id, ids.slice(0, at)])),
  });
}

/** Either of two Scores that both fit. */
export const either = (asFile: boolean): Manifest =>
  manifest(PiTopology, {
    thing: asFile ? new FileScore({ path: "/srv/x", content: "" }) : new DirectoryScore({ path: "/srv/x" }),
  });

/** Either of two places that both offer what is required. */
export const somewhere = (onCluster: boolean): Manifest => manifest(onCluster ? Cluster : PiTopology, banner);

/** A spec says what was left out. */
export const mode: string = one.scores["motd"] instanceof FileScore ? one.scores["motd"].spec.mode : "";

/** Scores that belong together, as one value: alone, within another one, with order, and as many as there may be. */
const site = (name: string, page: string): Composition<DirectoryScore | FileScore> =>
  compose(
    "Website",
    {
      folder: new DirectoryScore({ path: `/srv/${name}` }),
      page: new FileScore({ path: `/srv/${name}/index.html`, content: page }),
    },
    { after: { page: ["folder"] } },
  );
const mall = compose(
  "Mall",
  { one: site("one", "1"), two: site("two", "2"), ...banner },
  { after: { two: ["one"], motd: ["two"] } },
);
export const composition = manifest(
  PiTopology,
  { mall, own: new SystemdServiceScore({ name: "own", exec: ["/usr/bin/own"] }) },
  { after: { own: ["mall"] }, restartOn: { own: ["mall"] } },
);
/** What is not as by default: of a Score, and of all parts of a composition. */
export const ruled = manifest(
  PiTopology,
  { ...banner, pages: site("pages", "1") },
  { policies: { motd: { drift: "report", lookEverySeconds: 60 }, pages: { ownership: "own", removal: "orphan" } } },
);

export const compositionOfMore = manifest(Cluster, {
  shop: compose("Shop", { pods: new K8sDeploymentScore({ name: "shop", image: "shop:1" }), ...banner }),
});
export function sites(names: readonly string[]): Manifest {
  const parts = Object.fromEntries(names.map((name) => [name, site(name, "")]));
  return manifest(PiTopology, { sites: compose("Websites", parts), ...banner }, { after: { motd: ["sites"] } });
}
