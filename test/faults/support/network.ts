import { execFile, spawn } from "node:child_process";
import { readlink } from "node:fs/promises";
import { createServer } from "node:net";
import { promisify } from "node:util";
import { describe, onTestFinished, vi } from "vitest";
import { reasonNot } from "./namespaces.ts";

const run = promisify(execFile);

/** A describe whose tests make networks of their own. */
export const onNetworks =
  (await reasonNot("a network", ["unshare", "--net", "ip", "link"])) === "" ? describe : describe.skip;

/** A network namespace, held by a process that ends with the test, or with this process however that ends. */
export class Place {
  readonly #pid: number;

  private constructor(pid: number) {
    this.#pid = pid;
  }

  static async make(): Promise<Place> {
    const holder = spawn("setpriv", ["--pdeathsig", "KILL", "unshare", "--net", "sleep", "infinity"], {
      stdio: "ignore",
    });
    const gone = new Promise((resolve) => holder.once("close", resolve));
    onTestFinished(async () => {
      holder.kill("SIGKILL");
      await gone;
    });
    const pid = holder.pid ?? 0;
    const own = await readlink("/proc/self/ns/net");
    await vi.waitFor(
      async () => {
        if ((await readlink(`/proc/${pid}/ns/net`)) === own) throw new Error("no network of its own yet");
      },
      { timeout: 10_000, interval: 5 },
    );
    const place = new Place(pid);
    await place.ip("link set lo up");
    return place;
  }

  /** The command line that runs this one here: with the files and processes of the host, and this network. */
  enter(argv: readonly string[]): readonly string[] {
    return ["nsenter", "--target", String(this.#pid), "--net", "--", ...argv];
  }

  async run(argv: readonly string[]): Promise<void> {
    const [command = "", ...args] = this.enter(argv);
    await run(command, args, { timeout: 10_000 });
  }

  ip(words: string): Promise<void> {
    return this.run(["ip", ...words.split(" ")]);
  }

  /** Moves an interface of this place into another one. */
  give(link: string, to: Place): Promise<void> {
    return this.ip(`link set ${link} netns ${to.#pid}`);
  }

  /** A port of the host's loopback that leads to this one of the place's own. */
  async reach(port: number): Promise<number> {
    const door = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => door.once("listening", resolve));
    const address = door.address();
    if (address === null || typeof address === "string") throw new Error("the host gives no port");
    const [command = "", ...args] = this.enter([process.execPath, "-e", doorkeeper, String(port)]);
    const child = spawn(command, args, { stdio: ["ignore", "ignore", "inherit", "ipc"], env: {} });
    const gone = new Promise((resolve) => child.once("close", resolve));
    onTestFinished(async () => {
      child.kill("SIGKILL");
      await gone;
    });
    const keeps = new Promise((resolve) => child.once("message", resolve));
    child.send("", door);
    await keeps;
    door.close();
    return address.port;
  }
}

/** Takes over a socket of its parent's network and leads whoever comes to a port of its own network. */
const doorkeeper = `
const { connect } = require("node:net");
process.once("disconnect", () => process.exit());
process.once("message", (_, door) => {
  door.on("connection", (here) => {
    const there = connect({ host: "127.0.0.1", port: Number(process.argv[1]) });
    for (const [from, to] of [[here, there], [there, here]]) {
      from.on("error", () => to.destroy()).on("close", () => to.destroy()).pipe(to);
    }
  });
  process.send("");
});
`;

/** What goes from a device to the server, or what comes back. */
export type Direction = "requests" | "answers";

/** A device that can reach the server, and nobody else. */
export interface Device {
  readonly place: Place;
  /** By this it reaches the server, and no other device does. */
  readonly server: string;
  /** Packets of one direction vanish on their way, and nobody is told. */
  readonly lose: (direction: Direction) => Promise<void>;
  readonly heal: (direction: Direction) => Promise<void>;
}

/** Devices and a server in networks of their own, with a router between them. */
export async function network(
  devices: number,
): Promise<{ readonly server: Place; readonly devices: readonly Device[] }> {
  const [router, server] = [await Place.make(), await Place.make()];
  await router.run(["sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward"]);
  await router.ip("link add server type veth peer name line");
  await router.give("line", server);
  await router.ip("addr add 10.0.0.1/24 dev server");
  await router.ip("link set server up");
  await server.ip("link set line up");
  const made: Device[] = [];
  for (let n = 1; n <= devices; n += 1) {
    const place = await Place.make();
    const [own, address] = [`10.0.${n}.2`, `10.0.0.${n + 1}`];
    await router.ip(`link add device${n} type veth peer name line`);
    await router.give("line", place);
    await router.ip(`addr add 10.0.${n}.1/24 dev device${n}`);
    await router.ip(`link set device${n} up`);
    await place.ip(`addr add ${own}/24 dev line`);
    await place.ip("link set line up");
    await place.ip(`route add default via 10.0.${n}.1`);
    await server.ip(`addr add ${address}/24 dev line`);
    const end = (direction: Direction): string => (direction === "requests" ? address : own);
    made.push({
      place,
      server: address,
      lose: (direction) => router.ip(`route add blackhole ${end(direction)}/32`),
      heal: (direction) => router.ip(`route del blackhole ${end(direction)}/32`),
    });
  }
  await server.ip("route add default via 10.0.0.1");
  return { server, devices: made };
}
