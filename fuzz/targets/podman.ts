import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Random } from "../../simulator/random.ts";
import { Libpod } from "../../src/agent/adapters/libpod.ts";
import { findContainer, removeContainer } from "../../src/agent/adapters/podman-containers.ts";
import { PodmanImages } from "../../src/agent/adapters/podman-images.ts";
import { listSecrets } from "../../src/agent/adapters/podman-secrets.ts";
import { PortError } from "../../src/capabilities/port-error.ts";
import { readScript } from "../fakes/bus-script.ts";
import { FakePodman, PodmanScript } from "../fakes/podman.ts";
import { ODD_TEXTS } from "../odd.ts";
import { promise, type Target } from "../target.ts";

/** For all that podman is asked by one input. */
const PATIENCE_MS = 100;
/** Of an error: it travels in a status. */
const MESSAGE_LIMIT = 8 * 1024;
const DIGEST = `sha256:${"0a".repeat(32)}`;
const IMAGE = `registry.example/team/web@${DIGEST}`;

/** Podman's API. */
export async function open(): Promise<Target> {
  const folder = mkdtempSync(join(tmpdir(), "harmony-fuzz-podman-"));
  const socket = join(folder, "podman.sock");
  const server = await FakePodman.listen(socket);
  const podman = new Libpod({ socket, open: async () => {} });
  const images = new PodmanImages(podman);
  const ask = async (input: Uint8Array): Promise<void> => {
    server.script = readScript(PodmanScript, input);
    const ending = new AbortController();
    const { signal } = ending;
    const timer = setTimeout(() => ending.abort(), PATIENCE_MS);
    const lines: string[] = [];
    await Promise.all([
      refusedWell(podman.call("GET", "/info", "Asking podman", signal)),
      refusedWell(findContainer(podman, "web", signal)),
      refusedWell(removeContainer(podman, "web", signal)),
      refusedWell(listSecrets(podman, signal)),
      refusedWell(images.pull("web", IMAGE, (line) => lines.push(line), signal)),
      refusedWell(images.keep("web", "registry.example/team/web:1", signal)),
      refusedWell(images.release("web", DIGEST, () => false, signal)),
    ]);
    clearTimeout(timer);
    server.hangUp();
    for (let turn = 0; turn < 3; turn += 1) await new Promise((resume) => setImmediate(resume));
  };
  return {
    seeds: SEEDS.map((seed) => Buffer.from(JSON.stringify(seed))),
    invent,
    run: ask,
    isRepeatable: false,
    close: () => {
      server.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Whatever podman says, what comes of it is an answer, or an error that names what is wrong and can be told. */
async function refusedWell(asked: Promise<unknown>): Promise<void> {
  try {
    await asked;
  } catch (error) {
    const told = error instanceof Error ? (error.stack ?? error.message) : String(error);
    promise(error instanceof PortError, `what podman says wrong is refused as a PortError, and not by ${told}`);
    promise(
      error.message.length <= MESSAGE_LIMIT,
      `what podman says is told in bounds: ${error.message.length} characters`,
    );
  }
}

const container = {
  Id: "c0ffee",
  Name: "web",
  ImageDigest: DIGEST,
  State: { Running: true, Health: { Status: "healthy" } },
  Config: { Labels: { "io.harmony-edge.spec": "sha256:ab" } },
  HostConfig: { NetworkMode: "bridge" },
  NetworkSettings: { Networks: { podman: { IPAddress: "10.88.0.2", GlobalIPv6Address: "" } } },
};
const image = {
  Id: "ab12",
  Digest: DIGEST,
  RepoTags: ["registry.example/team/web:1", `localhost/harmony-edge/${"0a".repeat(32)}:web`],
  RepoDigests: [IMAGE],
};
const PULL = '{"stream":"Trying to pull\\n"}\n{"images":["ab12"],"id":"ab12"}\n';

const json = (body: unknown, rest: object = {}): object => ({ body: JSON.stringify(body), ...rest });
const right = (rest: object = {}): readonly (readonly [string, object])[] => [
  ["/images/json", json([image], rest)],
  ["/images/pull", { body: PULL, ...rest }],
  ["/containers/json", json([{ ImageID: "ab12" }], rest)],
  ["/containers/web/json", json(container, rest)],
  ["/secrets/json", json([{ Spec: { Name: "token" } }], rest)],
  ["/info", json({ host: { cgroupVersion: "v2" } }, rest)],
  ["/tag", { status: 201, ...rest }],
  ["/untag", { status: 201, ...rest }],
  ["DELETE", json({ message: "in use" }, { status: 409, ...rest })],
];

const SEEDS: readonly object[] = [
  { answers: right() },
  { answers: right({ as: "chunked" }) },
  { answers: right({ as: "open" }) },
  { answers: right({ as: "wrong" }) },
  { answers: right({ cut: 70 }) },
  { answers: right({ drip: 1 }) },
  { answers: [["", { status: 500, body: '{"message":"it is so","cause":"x"}' }]] },
  { answers: [["/images/pull", { body: '{"error":"manifest unknown"}\n' }], ...right()] },
  { answers: [["", { status: 101, headers: ["connection: upgrade", "upgrade: x"], as: "open" }]] },
  { answers: [["", { as: "raw", body: "HTTP/1.1 100 Continue\r\n\r\n", times: 100_000 }]] },
  { answers: [["", { body: "[],", times: 100_000, as: "chunked" }]] },
  { answers: [["", { body: "x".repeat(1000), times: 100_000, as: "chunked" }]] },
  { answers: [["", { status: 500, body: '{"message":{"toString":1}}' }]] },
];

/** What is right, with some of it replaced. */
function invent(random: Random): Uint8Array {
  const answers = right().map(([path, answer]) => {
    if (random.chance(0.7)) return [path, answer];
    const odd = random.pick<object>([
      { status: random.pick([100, 101, 102, 200, 204, 301, 304, 400, 404, 409, 500, 999]) },
      { as: random.pick(["chunked", "open", "wrong", "raw"]) },
      { cut: 1 + random.below(400) },
      { drip: 1 + random.below(64) },
      { times: 1 + random.below(1000) },
      {
        headers: [`x: ${random.pick(ODD_TEXTS)}`, random.pick(["content-length: 5", "transfer-encoding: x", "a", ""])],
      },
      { body: random.pick(["", "null", "[]", "{}", "[[[", '{"message":[[[]]]}', "{".repeat(100), "\u0000"]) },
    ]);
    return [path, { ...answer, ...odd }];
  });
  return Buffer.from(JSON.stringify({ answers }));
}
