// Builds dist/harmony-agent_<version>_all.deb: the agent's bundle, its systemd unit, its configuration, manual pages and
// completion for bash. The same sources give the same bytes, whoever builds them: SOURCE_DATE_EPOCH, else the time of the last commit,
// is the time of all that is in it.
//
//   npm run package
//   npm run package -- --agent agent.cjs --package-version 1.2.3   with an agent that harmony bundle made
import { execFileSync, spawnSync } from "node:child_process";
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { argv, env, execPath, exit, stderr } from "node:process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { gzipSync } from "node:zlib";
import * as z from "zod";
import { OPTIONS, USAGE } from "../src/agent/arguments.ts";
import { CONFIGURATION, UNIT, unitText } from "../src/agent/cage/unit.ts";
import { ENROLL_USAGE } from "../src/agent/enrol-arguments.ts";
import { KEY_USAGE } from "../src/agent/key-arguments.ts";
import { LOCAL_USAGE } from "../src/agent/local-arguments.ts";
import { bash } from "../src/cli/completions/bash.ts";
import type { Value } from "../src/cli/completions/tree.ts";
import { usagePages } from "../src/cli/man-page.ts";
import { PiTopology } from "../src/topology/pi.ts";
import { VERSION } from "../src/wire/version.ts";
import { build } from "./build.mjs";

const NAME = "harmony-agent";
const root = dirname(dirname(fileURLToPath(import.meta.url)));
const parts = join(root, "scripts/package");

export interface PackageOptions {
  /** Debian's; default that of package.json. */
  readonly version?: string;
  /** The agent's bundle; built from the sources where none is given. */
  readonly bundle?: string;
  readonly outdir: string;
}

/** Where it is. @throws Error with a sentence */
export async function buildPackage({ version = VERSION, bundle, outdir }: PackageOptions): Promise<string> {
  const epoch = sourceDate();
  const work = mkdtempSync(join(tmpdir(), "harmony-package-"));
  try {
    const tree = join(work, "tree");
    if (bundle === undefined) await build(["agent"], work);
    fill(tree, { version, bundle: bundle ?? join(work, "agent.cjs"), epoch });
    for (const each of ["", ...readdirSync(tree, { recursive: true, encoding: "utf8" })]) {
      const path = join(tree, each);
      const isProgram = /^(usr\/bin|DEBIAN\/p)/.test(each);
      chmodSync(path, statSync(path).isDirectory() || isProgram ? 0o755 : 0o644);
      utimesSync(path, epoch, epoch);
    }
    mkdirSync(outdir, { recursive: true });
    const file = join(outdir, `${NAME}_${version}_all.deb`);
    const ran = spawnSync("dpkg-deb", ["--root-owner-group", "-Zxz", "--build", tree, file], {
      encoding: "utf8",
      env: { ...env, SOURCE_DATE_EPOCH: String(epoch) },
    });
    if (ran.error !== undefined) throw new Error("dpkg-deb is needed, which every Debian has: apt-get install dpkg");
    if (ran.status !== 0) throw new Error(`dpkg-deb ended with ${ran.status}: ${ran.stderr.trim()}`);
    return file;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function fill(tree: string, { version, bundle, epoch }: { version: string; bundle: string; epoch: number }): void {
  const put = (path: string, text: string | Uint8Array): void => {
    mkdirSync(dirname(join(tree, path)), { recursive: true });
    writeFileSync(join(tree, path), text);
  };
  const copy = (from: string, path: string): void => cpSync(from, join(tree, path), { recursive: true });
  const doc = `usr/share/doc/${NAME}`;
  copy(bundle, `usr/lib/${NAME}/agent.cjs`);
  copy(join(parts, "harmony"), "usr/bin/harmony");
  copy(join(parts, "agent.json"), join(CONFIGURATION, "agent.json"));
  copy(join(parts, "copyright"), `${doc}/copyright`);
  copy(join(root, "docs/operating.md"), `${doc}/operating.md`);
  put(`${doc}/changelog.gz`, gzipSync(changelog(version, epoch), { level: 9 }));
  // What the configuration enables is opened by a drop-in, which is made on the device: without it nothing is open.
  const nothing = { capabilities: [], paths: [], creds: `${CONFIGURATION}/agent.creds`, stateDir: null };
  const command = `/usr/bin/harmony agent run --config ${CONFIGURATION}/agent.json`;
  put(`usr/lib/systemd/system/${UNIT}`, unitText(command, nothing));
  put("usr/share/bash-completion/completions/harmony", completion());
  for (const [name, page] of usagePages(AGENT_HELPS)) {
    put(`usr/share/man/man1/${name}.gz`, gzipSync(page, { level: 9 }));
  }
  // Of the command line it has the agent alone.
  put("usr/share/man/man1/harmony.1.gz", gzipSync(".so man1/harmony-agent.1\n", { level: 9 }));
  for (const script of ["postinst", "prerm", "postrm"]) copy(join(parts, script), `DEBIAN/${script}`);
  put("DEBIAN/conffiles", `${CONFIGURATION}/agent.json\n`);
  put("DEBIAN/control", control(version, tree));
}

const AGENT_HELPS = {
  "harmony agent": USAGE,
  "harmony agent enroll": ENROLL_USAGE,
  "harmony agent key": KEY_USAGE,
  "harmony agent take": LOCAL_USAGE,
};

const control = (version: string, tree: string): string => `Package: ${NAME}
Version: ${version}
Architecture: all
Maintainer: ${maintainer()}
Installed-Size: ${Math.ceil(sizeOf(tree) / 1024)}
Depends: nodejs (>= 20.19), systemd (>= 252), init-system-helpers (>= 1.52)
Suggests: podman, nftables
Section: admin
Priority: optional
Description: agent that keeps a device as it was declared
 Follows the desired state of one device over NATS, makes the device so, keeps
 it so and reports. What it may do on the device is set in
 ${CONFIGURATION}/agent.json; its systemd unit allows that and no more.
`;

/** Who answers for the package: whoever builds it under a name of their own changes "author" of package.json. */
const maintainer = (): string => {
  const read: unknown = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  return z.object({ author: z.string() }).parse(read).author;
};

const sizeOf = (folder: string): number =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((each) => each.isFile())
    .reduce((sum, each) => sum + statSync(join(each.parentPath, each.name)).size, 0);

const changelog = (version: string, epoch: number): string => `${NAME} (${version}) stable; urgency=medium

  * See CHANGELOG.md of harmony-edge.

 -- ${maintainer()}  ${new Date(epoch * 1000).toUTCString().replace("GMT", "+0000")}
`;

/** Of what this package has of the command line: the agent. */
function completion(): string {
  const values: Readonly<Record<string, Value>> = {
    ...Object.fromEntries(
      ["creds", "config", "ca", "trust", "authors", "policy", "signed-policy", "policy-key"].map((name) => [
        name,
        { _tag: "File" } as const,
      ]),
    ),
    ...Object.fromEntries(["root", "state-dir", "path"].map((name) => [name, { _tag: "Directory" } as const])),
    capability: { _tag: "Words", words: PiTopology.offers.map(({ name }) => name) },
  };
  const flags = Object.entries({ ...OPTIONS, ca: { type: "string" } }).map(([name, { type }]) => ({
    names: [`--${name}`],
    about: "",
    value: type === "boolean" ? null : (values[name] ?? ({ _tag: "Free" } as const)),
  }));
  const words = ["run", "doctor", "enroll", "unit", "take", "status", "kinds"];
  const agent = { name: "agent", about: "", flags, value: { _tag: "Words", words } as const };
  return bash({ name: "harmony", about: "", flags: [], value: null, commands: [agent] });
}

/** In seconds. */
function sourceDate(): number {
  const given = env["SOURCE_DATE_EPOCH"] ?? "";
  if (/^\d+$/.test(given)) return Number(given);
  try {
    return Number(
      execFileSync("git", ["log", "-1", "--format=%ct"], { cwd: root, stdio: ["ignore", "pipe", "ignore"] }),
    );
  } catch {
    return Math.floor(statSync(join(root, "package.json")).mtimeMs / 1000);
  }
}

/** @throws Error with a sentence where it is no agent, or one that does not start. */
function knows(bundle: string): void {
  const ran = spawnSync(execPath, [bundle, "kinds"], { encoding: "utf8", timeout: 60_000 });
  if (ran.status !== 0) throw new Error(`${bundle} is no agent of harmony bundle: ${ran.stderr.trim().slice(-300)}`);
  stderr.write(ran.stdout);
}

if (argv[1] !== undefined && resolve(argv[1]) === fileURLToPath(import.meta.url)) {
  try {
    const { values } = parseArgs({ options: { agent: { type: "string" }, "package-version": { type: "string" } } });
    const { agent: bundle, "package-version": version } = values;
    if (bundle !== undefined) knows(bundle);
    const file = await buildPackage({
      outdir: join(root, "dist"),
      ...(bundle !== undefined && { bundle }),
      ...(version !== undefined && { version }),
    });
    stderr.write(`${file.slice(root.length + 1)} ${(statSync(file).size / 1024).toFixed(0)} KiB\n`);
  } catch (error) {
    stderr.write(`package: ${error instanceof Error ? error.message : String(error)}\n`);
    exit(1);
  }
}
