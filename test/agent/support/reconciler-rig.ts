import { Ledger } from "../../../src/agent/ledger.ts";
import { Reconciler } from "../../../src/agent/reconciler.ts";
import type { PortTable } from "../../../src/scores/attenuate.ts";
import type { Clock } from "../../../src/scores/context.ts";
import { FakeClock, settle } from "../../../src/testing/fake-clock.ts";
import { FakeFileSystem } from "../../../src/testing/fake-file-system.ts";
import { FakeSystemdHost } from "../../../src/testing/fake-systemd-host.ts";
import type { Gate } from "../../../src/wire/decode.ts";
import type { ScoreStatus } from "../../../src/wire/status.ts";
import { decoded, type Wanted } from "./manifests.ts";
import { MemoryDisk } from "./memory-disk.ts";
import { FakeProbe, TEST_KINDS, RigTopology } from "./probe.ts";

export interface RigOptions {
  /** What a start before this one left; default: nothing. */
  readonly from?: Partial<Pick<ReconcilerRig, "disk" | "files" | "probe" | "systemd">>;
  readonly kinds?: typeof TEST_KINDS;
  readonly clock?: (clock: FakeClock) => Clock;
  /** Default: both. */
  readonly ports?: (ports: { readonly FileSystemHost: FakeFileSystem; readonly ProbeHost: FakeProbe }) => PortTable;
}

/** A reconciler on a device in memory. */
export class ReconcilerRig {
  readonly clock = new FakeClock();
  readonly files: FakeFileSystem;
  readonly probe: FakeProbe;
  readonly systemd: FakeSystemdHost;
  readonly disk: MemoryDisk;
  readonly ledger: Ledger;
  readonly reconciler: Reconciler;
  readonly stop = new AbortController();
  /** What it told of itself, in order. */
  readonly told: ("working" | "settled")[] = [];
  readonly logged: { readonly message: string; readonly fields: Readonly<Record<string, unknown>> }[] = [];
  breaths = 0;

  private constructor(options: RigOptions, disk: MemoryDisk, ledger: Ledger) {
    this.files = options.from?.files ?? new FakeFileSystem();
    this.probe = options.from?.probe ?? new FakeProbe();
    this.disk = disk;
    this.ledger = ledger;
    this.systemd = options.from?.systemd ?? new FakeSystemdHost({ clock: this.clock });
    const ports = { FileSystemHost: this.files, SystemdHost: this.systemd, ProbeHost: this.probe };
    this.reconciler = new Reconciler({
      ports: options.ports?.(ports) ?? ports,
      gate: { kinds: options.kinds ?? TEST_KINDS, topology: RigTopology },
      clock: options.clock?.(this.clock) ?? this.clock,
      ledger,
      log: (message, fields = {}) => void this.logged.push({ message, fields }),
      stop: this.stop.signal,
      random: () => 0.5,
      breathe: async () => {
        this.breaths += 1;
        await new Promise((resume) => setImmediate(resume));
      },
      onChange: (how) => void this.told.push(how),
    });
  }

  static async open(options: RigOptions = {}): Promise<ReconcilerRig> {
    const disk = options.from?.disk ?? new MemoryDisk();
    return new ReconcilerRig(options, disk, await Ledger.open(disk, () => {}));
  }

  /** A crash and a new start on the same device, with what had reached the disk. */
  async crash(options: RigOptions = {}): Promise<ReconcilerRig> {
    this.stop.abort();
    const { files, probe, systemd } = this;
    return ReconcilerRig.open({ ...options, from: { disk: this.disk.copy(), files, probe, systemd } });
  }

  /** Takes the manifest up and lets everything happen that waits for no time to pass. */
  /** `gate`: another than the device's, as where a capability is away. */
  async accept(
    wanted: Wanted,
    change: "intentional" | "corrective" = "intentional",
    gate: Partial<Gate> = {},
  ): Promise<void> {
    this.reconciler.accept(decoded(wanted, gate), change);
    await settle();
  }

  status(id: string): ScoreStatus {
    const status = this.reconciler.statuses()[id];
    if (status === undefined) throw new Error(`no status of ${id}, only of ${Object.keys(this.states).join(", ")}`);
    return status;
  }

  get states(): Readonly<Record<string, ScoreStatus["state"]>> {
    return Object.fromEntries(Object.entries(this.reconciler.statuses()).map(([id, { state }]) => [id, state]));
  }

  /** What stands in the file system: files with their text, directories as null. */
  get tree(): Readonly<Record<string, string | null>> {
    return Object.fromEntries(
      Object.entries(this.files.tree()).map(([path, entry]) => [
        path,
        entry.type === "file" && "text" in entry ? entry.text : null,
      ]),
    );
  }
}
