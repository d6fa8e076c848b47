import type { Detection } from "../../src/agent/adapters/offering.ts";
import { Failover } from "../../src/agent/failover.ts";
import { Host } from "../../src/agent/host.ts";
import { Ledger } from "../../src/agent/ledger.ts";
import { FileSystemHost, SystemdHost } from "../../src/capabilities/index.ts";
import { KINDS } from "../../src/scores/index.ts";
import { topology } from "../../src/topology/topology.ts";
import { AgentId } from "../../src/wire/keys.ts";
import type { MemoryServer } from "../../src/wire/memory-server.ts";
import { Heartbeat } from "../../src/wire/status.ts";
import type { Device } from "../device.ts";
import { ProcessDisk } from "../disk.ts";
import { Line } from "../line.ts";
import type { Step } from "../policy-guard.ts";
import { portOf, type Witness } from "../ports.ts";
import type { Call } from "../step-guard.ts";
import { AGENT } from "../wanted.ts";
import { ProcessClock } from "../world.ts";
import type { FailoverWorld, Pausable } from "./world.ts";

const SimulatedTopology = topology("SimulatedTopology", [FileSystemHost, SystemdHost]);
/** What makes something, and never removes it. */
const MAKES = new Set(["writeFile", "makeDirectory", "writeUnitFile", "enable", "start", "restart"]);

/** One start of a member of the pair, and the one who watches what it does. */
export class Member implements Pausable, Witness {
  readonly name: string;
  alive = true;
  isPaused = false;
  readonly held: (() => void)[] = [];
  readonly device: Device;
  readonly line: Line;
  readonly clock: ProcessClock;
  readonly #world: FailoverWorld;
  readonly #server: MemoryServer;
  #failover: Failover | null = null;

  constructor(world: FailoverWorld, device: Device, server: MemoryServer, start: number, isUp: boolean) {
    this.name = `${device.name}${start}`;
    this.device = device;
    this.#world = world;
    this.#server = server;
    this.clock = new ProcessClock(world, this);
    const deaf = { puts: () => {}, wrote: () => {}, read: () => {}, overwrote: () => {} };
    this.line = new Line(world, this, this.clock, server, deaf, isUp);
    world.note(this.name, "starts");
    void this.#boot(`boot-${this.name}`);
  }

  /** Whether it holds the lease, by its own reckoning. One that stands still reckons nothing. */
  get isActive(): boolean {
    return this.alive && !this.isPaused && this.#failover?.isActive === true;
  }

  get isStarted(): boolean {
    return this.#failover !== null;
  }

  dies(how: string): void {
    if (!this.alive) return;
    this.#world.note(this.name, how);
    this.alive = false;
    this.#world.died(this);
    this.clock.clear();
  }

  async stop(): Promise<void> {
    if (this.#failover === null) return this.dies("is stopped before it has started");
    this.#world.note(this.name, "is asked to stop");
    await this.#failover.stop();
    if (this.alive) this.#world.post(this, "message", "has stopped", () => this.dies("ends"));
  }

  looks(): void {}
  asks(): Call {
    return NO_CALL;
  }
  ends(): void {}
  begins({ method, target }: Step): Call {
    const holder = leaseIn(this.#server);
    const isOther = holder !== null && holder.bootId !== `boot-${this.name}`;
    if (MAKES.has(method) && isOther) {
      const what = `${this.name}: ${method} ${target}, and ${holder.bootId} has token ${holder.epoch}`;
      this.#world.break("nothing is done under a token when a higher one has been given out", what);
    }
    return NO_CALL;
  }

  async #boot(bootId: string): Promise<void> {
    const { device, clock } = this;
    const world = this.#world;
    const log = (message: string, fields: Readonly<Record<string, unknown>> = {}): void => {
      if (!this.alive) return;
      world.note(this.name, `logs: ${message} ${JSON.stringify(fields)}`);
      if (message.startsWith("a bug of")) world.break("nothing throws that may not", message + JSON.stringify(fields));
    };
    const disk = new ProcessDisk(world, this, device.files);
    const ledger = await Ledger.open(disk, log);
    const found: Detection = { _tag: "Found", facts: {} };
    const offering = <Port extends object>(port: Port) => ({ port, detect: async () => found, close: () => {} });
    const around = { world, actor: this, guard: this, device };
    const host = new Host({
      topology: SimulatedTopology,
      offerings: {
        FileSystemHost: offering(portOf(FileSystemHost, device.fs, around)),
        SystemdHost: offering(portOf(SystemdHost, device.systemd, around)),
      },
      clock,
      log,
    });
    await host.look();
    if (!this.alive) return;
    this.#failover = new Failover({
      pair: AGENT,
      member: AgentId.parse(device.name.toLowerCase()),
      kinds: KINDS,
      trustedKeys: new Map(),
      host,
      device: undefined,
      store: this.line,
      disk,
      ledger,
      clock,
      leaseClock: clock,
      log,
      random: world.random.next,
      breathe: () => new Promise((resume) => void world.post(this, "work", "goes on after a breath", resume)),
      bootId,
      driftPassMs: 30_000,
      onRole: () => {},
    });
    this.#failover.start();
  }
}

const NO_CALL: Call = { step: null, wanted: null, beganAt: 0, deadlineMs: 0 };

/** Who holds the lease, as the server has it. */
export function leaseIn(server: MemoryServer): Heartbeat | null {
  const value = server.buckets?.get("heartbeat")?.entries.get(AGENT)?.value;
  if (value === undefined) return null;
  const beat = Heartbeat.parse(JSON.parse(Buffer.from(value).toString()));
  return beat.lease?.released === false ? beat : null;
}
