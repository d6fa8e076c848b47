import { execFile } from "node:child_process";
import { readFile, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { basename, join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** A package as `npm pack` made it. */
export interface Packed {
  /** The path of the tarball. */
  readonly path: string;
  readonly name: string;
  readonly version: string;
  readonly integrity: string;
  readonly shasum: string;
}

/** What this repository would publish: built, packed, and put into `folder`. Works on a copy, for `dist` is in use. */
export async function packSelf(root: string, folder: string): Promise<Packed> {
  const copy = join(folder, "sources");
  const parts = ["bin", "src", "scripts", "schemas", "templates", "tools"];
  const files = ["package.json", "package-lock.json", "tsconfig.json", "tsconfig.build.json"];
  const told = ["CHANGELOG.md", "README.md", "LICENSE"];
  await run("mkdir", ["-p", copy]);
  await run("cp", ["-r", ...[...parts, ...files, ...told].map((name) => join(root, name)), copy]);
  await run("ln", ["-s", join(root, "node_modules"), join(copy, "node_modules")]);
  const { stdout } = await run("npm", ["pack", "--json", "--silent", "--pack-destination", folder], {
    cwd: copy,
    timeout: 240_000,
    maxBuffer: 64 * 1024 * 1024,
  });
  const [packed]: readonly (Omit<Packed, "path"> & { readonly filename: string })[] = JSON.parse(stdout);
  if (packed === undefined) throw new Error(`npm pack made nothing: ${stdout}`);
  await rm(copy, { recursive: true });
  return { ...packed, path: join(folder, packed.filename) };
}

export interface Registry {
  readonly url: string;
  /** What was asked of it for the package that it has itself. */
  readonly asked: readonly string[];
  close(): Promise<void>;
}

/** A registry that has this one package, and hands every other question on to `upstream`. */
export async function npmRegistry(packed: Packed, upstream: string): Promise<Registry> {
  const { name, version, integrity, shasum } = packed;
  const tarball = await readFile(packed.path);
  const { stdout } = await run("tar", ["-xzOf", packed.path, "package/package.json"]);
  const asked: string[] = [];
  let url = "";
  const server = createServer(({ url: path = "/" }, response) => {
    const file = `/${name}/-/${basename(packed.path)}`;
    if (path === `/${name}`) {
      asked.push(path);
      const dist = { tarball: `${url}${file}`, integrity, shasum };
      const versions = { [version]: { ...JSON.parse(stdout), dist } };
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify({ name, "dist-tags": { latest: version }, versions }));
    } else if (path === file) {
      asked.push(path);
      response.end(tarball);
    } else {
      response.writeHead(307, { location: `${upstream.replace(/\/$/, "")}${path}` }).end();
    }
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("it listens at no port");
  url = `http://127.0.0.1:${address.port}`;
  const close = (): Promise<void> =>
    new Promise((closed) => {
      server.close(() => closed());
      server.closeAllConnections();
    });
  return { url, asked, close };
}
