import type { AnyCapability } from "../../../src/capabilities/capability.ts";
import type { PortTable } from "../../../src/scores/attenuate.ts";
import { FakeAssets } from "../../../src/testing/fake-assets.ts";
import { FakeAuditedShell } from "../../../src/testing/fake-audited-shell.ts";
import type { FakeClock } from "../../../src/testing/fake-clock.ts";
import { FakeContainerRuntime } from "../../../src/testing/fake-container-runtime.ts";
import { FakeFileSystem } from "../../../src/testing/fake-file-system.ts";
import { FakeK8sClient } from "../../../src/testing/fake-k8s-client.ts";
import { FakeNetworkConfigurator } from "../../../src/testing/fake-network-configurator.ts";
import { FakePackageManager } from "../../../src/testing/fake-package-manager.ts";
import { FakePacketFilter } from "../../../src/testing/fake-packet-filter.ts";
import { FakeSystemdHost } from "../../../src/testing/fake-systemd-host.ts";

const CONTROLLERS = ["cpu", "memory", "pids"] as const;
const INTERFACES = ["eth0", "eth1", "eth2", "enp1s0.100"];
const UNITS = ["ssh.service", "cron.service", "bluetooth.service", "getty@tty1.service"];
const FOLDERS = ["/etc", "/srv", "/opt", "/a", "/b", "/ü", "/c d", "/..."];
const PACKAGES = ["haproxy", "libstdc++6", "edge-greeter", "edge-beacon"];

/** What a step did to a device: the port's method, and what it was given. */
export type Effect = readonly [method: string, ...given: unknown[]];

/** A device in memory with what the golden envelopes are about; `effects` has all that is done to it. */
export function device(
  clock: FakeClock,
  images: readonly string[],
): {
  readonly ports: PortTable;
  readonly effects: readonly Effect[];
  readonly assets: FakeAssets;
} {
  const effects: Effect[] = [];
  const files = new FakeFileSystem({ users: { root: 0, "www-data": 33, app: 999 }, groups: { root: 0, staff: 50 } });
  for (const path of FOLDERS) files.put(path, { type: "directory" });
  const systemd = new FakeSystemdHost({ controllers: CONTROLLERS, clock });
  for (const name of UNITS) systemd.put(name, { vendor: "installable" });
  const network = new FakeNetworkConfigurator();
  for (const name of INTERFACES) network.put(name, {});
  const sources = Object.fromEntries(PACKAGES.map((name) => [name, { versions: ["1.0", "1.5", "1:13"] }]));
  const ports = {
    AuditedShell: new FakeAuditedShell({ programs: { "/usr/bin/probe": () => ({ exitCode: 1 }) } }),
    ContainerRuntime: new FakeContainerRuntime({
      registry: registryOf(images),
      controllers: CONTROLLERS,
      secrets: ["token", "key"],
    }),
    FileSystemHost: files,
    K8sClient: new FakeK8sClient(),
    NetworkConfigurator: network,
    PackageManager: new FakePackageManager(sources),
    PacketFilter: new FakePacketFilter(),
    SystemdHost: systemd,
  };
  const recorded = Object.entries(ports).map(([name, port]) => [name, recording(port, effects)] as const);
  const assets = new FakeAssets();
  for (const text of ["", "hello"]) assets.put(Buffer.from(text));
  return { ports: Object.fromEntries(recorded), effects, assets };
}

const registryOf = (images: readonly string[]): Readonly<Record<string, string>> =>
  Object.fromEntries(images.map((image) => [image, image.split("@")[1] ?? `sha256:${"1".repeat(64)}`]));

/** Reads are recorded, too, and sorted out by {@link changing}, which knows what of a port they are. */
const recording = <Port extends object>(port: Port, effects: Effect[]): Port =>
  new Proxy(port, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== "function" || typeof name !== "string") return value;
      return (...given: unknown[]): unknown => {
        effects.push([name, ...given.map(plain)]);
        return Reflect.apply(value, target, given);
      };
    },
  });

/** Bytes as base64; what is no data (a signal, a function) not at all. */
const plain = (given: unknown): unknown =>
  given instanceof Uint8Array
    ? Buffer.from(given).toString("base64")
    : typeof given === "function" || given instanceof AbortSignal
      ? null
      : given;

/** Those of the effects that changed something. */
export const changing = (effects: readonly Effect[], requires: readonly AnyCapability[]): readonly Effect[] =>
  effects.filter(([method]) => !requires.some(({ reads }) => reads.includes(method)));
