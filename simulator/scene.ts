import { createHash } from "node:crypto";
import { assetEnvelope, inlineEnvelope } from "../src/wire/encode.ts";
import { MemoryServer } from "../src/wire/memory-server.ts";
import { Author } from "./author.ts";
import { Device } from "./device.ts";
import { Process } from "./process.ts";
import { AGENT, payloadOf, type Wish } from "./wanted.ts";
import type { Actor, World } from "./world.ts";

/** Which of the two devices. */
type At = 0 | 1;

/** All there is in one run: a server, an operator who writes manifests, and two devices with one agent's id. */
export class Scene {
  readonly world: World;
  readonly author: Author;
  readonly server = new MemoryServer();
  /** By payload, what the author meant. */
  readonly wishes = new Map<string, Wish>();
  readonly devices: readonly [Device, Device];
  /** On each device the last start of its agent, if there was one. */
  readonly processes: [Process | null, Process | null] = [null, null];
  readonly starts: [number, number] = [0, 0];
  readonly sent: Uint8Array[] = [];
  isServerUp = true;
  readonly #outside: Actor = { name: "outside", alive: true };
  readonly #amends: { readonly what: string; readonly once: () => void }[] = [];

  /** `mayForget`: a ledger may be lost. */
  constructor(world: World, { mayForget }: { readonly mayForget: boolean }) {
    this.world = world;
    this.author = new Author(world.random, { mayForget });
    this.devices = [new Device("A", this.author, world), new Device("B", this.author, world)];
    // Without a battery, a device begins with no idea of the time.
    if (world.random.chance(0.3)) world.clock.setWallTime(new Date(0));
    for (const device of this.devices) device.onWrite = (path) => this.#undoes(device, path);
  }

  /** Another manager of the same file. */
  #undoes(device: Device, path: string): void {
    if (this.world.calm || !device.contested.has(`path:${path}`)) return;
    // Late enough for the agent to have looked at what it did.
    this.world.clock.after(50, () => {
      this.world.post(this.#outside, "message", `somebody writes to ${path} on ${device.name}, again`, () => {
        if (!this.world.calm && device.isFile(path)) device.fs.put(path, { type: "file", text: "undone" });
      });
    });
  }

  /** What happens next; and those who watch look at what came of it. False: nothing more before `until`. */
  async step(until: number): Promise<boolean> {
    const goesOn = await this.world.step(until);
    for (const process of this.processes) {
      if (process?.alive !== true) continue;
      process.guard.holds();
      if (this.world.has(process, "work")) process.guard.works();
      // A timer that rings may be what work begins with.
      else if (process.isRunning && !this.world.has(process, "timer")) process.guard.rests();
    }
    return goesOn && this.world.broken === null;
  }

  async for(ms: number): Promise<void> {
    const until = this.world.clock.monotonicMs() + ms;
    while (this.world.broken === null && (await this.step(until)));
  }

  send(wish: Wish): void {
    const payload = payloadOf(wish);
    this.wishes.set(payload, wish);
    const ids = [...wish.scores.values()].map(({ id, after, policy }) => {
      const order = after.length === 0 ? "" : ` after ${after.join()}`;
      return `${id}${order}${policy === undefined ? "" : ` (${Object.values(policy).join()})`}`;
    });
    const what = `generation ${wish.generation} is put: ${ids.join(", ") || "nothing"}`;
    let envelope = inlineEnvelope(payload, []);
    if (this.world.random.chance(0.1)) {
      const bytes = Buffer.from(payload);
      const sha256 = createHash("sha256").update(bytes).digest("hex");
      envelope = assetEnvelope(sha256, []);
      const store = (): unknown => this.server.assets.set(sha256, bytes);
      if (this.world.strikes(0.3)) this.later(10_000, "the payload is put", store);
      else store();
    }
    this.sent.push(envelope);
    this.put(envelope, what);
  }

  put(envelope: Uint8Array, what: string): void {
    this.world.note("operator", what);
    this.server.write("desired-state", AGENT, envelope, undefined);
  }

  start(at: At): void {
    const device = this.devices[at];
    const start = this.starts[at] + 1;
    this.starts[at] = start;
    const { world } = this;
    const isUp = this.isServerUp && !world.strikes(0.1);
    this.processes[at] = new Process({ world, device, server: this.server, start, isUp, wishes: this.wishes });
    const process = this.processes[at];
    if (!isUp) this.later(20_000, "a line is mended", () => this.isServerUp && process?.line.mend());
  }

  /** A process ends, and is started again after a while. */
  goes(at: At, how: () => void): void {
    const process = this.processes[at];
    if (process?.alive !== true) return;
    how();
    this.later(15_000, "an agent is started again", () => {
      if (this.processes[at] !== process) return;
      process.dies("is killed");
      this.start(at);
    });
  }

  serverGoes(): void {
    if (!this.isServerUp) return;
    this.world.note("server", "goes down");
    this.isServerUp = false;
    for (const process of this.processes) process?.line.cut();
    this.later(30_000, "the server is up again", () => {
      this.isServerUp = true;
      for (const process of this.processes) process?.line.mend();
    });
  }

  /** Some time within `ms`. When the faults end it is done at once. */
  later(ms: number, what: string, then: () => unknown): void {
    const { clock, random } = this.world;
    const delay = random.chance(0.3) ? 0 : random.below(ms);
    let isDone = false;
    const once = (): void => {
      if (isDone) return;
      isDone = true;
      then();
    };
    this.#amends.push({ what, once });
    clock.after(delay, () => void this.world.post(this.#outside, "message", what, once));
  }

  /** No fault any more, and what was broken is whole again. */
  amend(): void {
    const { world } = this;
    world.calm = true;
    world.note("outside", "the faults end");
    for (let amend = this.#amends.shift(); amend !== undefined; amend = this.#amends.shift()) amend.once();
    for (const device of this.devices) {
      device.noSupervisor = null;
      for (const path of device.obstacles) if (world.random.chance(0.8)) device.take(path);
    }
    for (const at of [0, 1] as const) if (this.processes[at]?.alive === false) this.start(at);
  }
}
