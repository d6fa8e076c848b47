import { Agent } from "../src/agent/agent.ts";
import type { Detection, Offering } from "../src/agent/adapters/offering.ts";
import { openRecording, type Recording } from "../src/agent/recording.ts";
import { Host } from "../src/agent/host.ts";
import { Ledger } from "../src/agent/ledger.ts";
import {
  type AnyCapability,
  FileSystemHost,
  PackageManager,
  PacketFilter,
  SystemdHost,
} from "../src/capabilities/index.ts";
import { KINDS } from "../src/scores/index.ts";
import { topology } from "../src/topology/topology.ts";
import type { MemoryServer } from "../src/wire/memory-server.ts";
import type { Device } from "./device.ts";
import { ProcessDisk } from "./disk.ts";
import { Guard } from "./guard.ts";
import { Line } from "./line.ts";
import { portOf } from "./ports.ts";
import { AGENT, type Wish } from "./wanted.ts";
import { type Actor, ProcessClock, type World } from "./world.ts";

/** Much shorter than in earnest, so that a run sees some. */
export const DRIFT_PASS_MS = 30_000;

const SimulatedTopology = topology("SimulatedTopology", [FileSystemHost, SystemdHost, PackageManager, PacketFilter]);

export interface ProcessParts {
  readonly world: World;
  readonly device: Device;
  readonly server: MemoryServer;
  /** How often this device's agent was started before. */
  readonly start: number;
  readonly isUp: boolean;
  readonly wishes: ReadonlyMap<string, Wish>;
}

/** One start of the agent on one device, until it dies. */
export class Process implements Actor {
  readonly name: string;
  alive = true;
  readonly device: Device;
  readonly guard: Guard;
  readonly line: Line;
  readonly clock: ProcessClock;
  readonly #world: World;
  #agent: Agent | null = null;
  #recording: Recording | null = null;

  constructor({ world, device, server, start, isUp, wishes }: ProcessParts) {
    this.name = `${device.name}${start}`;
    this.device = device;
    this.#world = world;
    this.clock = new ProcessClock(world, this);
    const bootId = `boot-${world.random.below(10)}-${this.name}`;
    this.guard = new Guard({ world, actor: this, clock: this.clock, device, bootId, wishes });
    this.line = new Line(world, this, this.clock, server, this.guard, isUp);
    world.note(this.name, `starts as ${bootId}`);
    void this.#boot(bootId);
  }

  /** Whether the agent itself says that it is fenced. */
  get isFenced(): boolean {
    return this.#agent?.isFenced === true;
  }

  /** Whether it has come so far as to hold to a manifest. */
  get isRunning(): boolean {
    return this.#agent !== null;
  }

  /** Its memory is gone; what has left it may still come about. */
  dies(how: string): void {
    if (!this.alive) return;
    this.#world.note(this.name, how);
    this.alive = false;
    this.#world.died(this);
    this.clock.clear();
  }

  /** As after SIGTERM. */
  async stop(): Promise<void> {
    const agent = this.#agent;
    if (agent === null) return this.dies("is stopped before it has started");
    this.#world.note(this.name, "is asked to stop");
    this.guard.isStopping = true;
    await agent.stop();
    await this.#recording?.stop();
    if (!this.alive) return;
    this.guard.isStopped = true;
    this.#world.post(this, "message", "has stopped", () => this.dies("ends"));
  }

  async #boot(bootId: string): Promise<void> {
    const world = this.#world;
    const { device, clock } = this;
    const log = (message: string, fields: Readonly<Record<string, unknown>> = {}): void => {
      if (!this.alive) return;
      if (world.trace !== null) world.note(this.name, `logs: ${message} ${JSON.stringify(fields)}`);
      if (message.startsWith("a bug of") || JSON.stringify(fields).includes('"reason":"Bug"')) {
        world.break("nothing throws that may not", `${message} ${JSON.stringify(fields)}`);
      }
    };
    const disk = new ProcessDisk(world, this, device.files);
    const ledger = await Ledger.open(disk, log);
    const recording = await openRecording({
      agentId: AGENT,
      bootId,
      disk,
      stream: this.line,
      clock,
      log,
      random: world.random.next,
      newLog: () =>
        world.random
          .below(2 ** 32)
          .toString(16)
          .padStart(16, "0"),
    });
    if (!this.alive) return;
    const host = new Host({
      topology: SimulatedTopology,
      offerings: {
        FileSystemHost: this.#offers(FileSystemHost, device.fs),
        SystemdHost: this.#offers(SystemdHost, device.systemd, () => device.noSupervisor),
        PackageManager: this.#offers(PackageManager, device.packages),
        PacketFilter: this.#offers(PacketFilter, device.filter),
      },
      clock,
      log,
    });
    await host.look();
    if (!this.alive) return;
    this.guard.opened(ledger, host);
    this.#agent = new Agent({
      agentId: AGENT,
      kinds: KINDS,
      trustedKeys: new Map(),
      host,
      device: undefined,
      store: this.line,
      ledger,
      clock,
      log,
      random: world.random.next,
      breathe: () => new Promise((resume) => void world.post(this, "work", "goes on after a breath", resume)),
      bootId,
      driftPassMs: DRIFT_PASS_MS,
      trail: recording.trail,
    });
    this.#recording = recording;
    this.#agent.start();
    recording.start();
  }

  /** `lack`: why it cannot be had now; null: it can. */
  #offers<Port extends object>(
    capability: AnyCapability,
    port: Port,
    lack: () => string | null = () => null,
  ): Offering<Port> {
    const { guard, device } = this;
    return {
      port: portOf(capability, port, { world: this.#world, actor: this, guard, device }),
      detect: () => this.#look(lack),
      close: () => {},
    };
  }

  #look(lack: () => string | null): Promise<Detection> {
    return new Promise((resolve) => {
      this.#world.post(this, "message", "has looked at what the host offers", () => {
        const reason = lack();
        resolve(reason === null ? { _tag: "Found", facts: {} } : { _tag: "Absent", reason });
      });
    });
  }
}
