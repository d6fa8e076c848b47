/**
 * What an author of a kind tests it with: the contract that every kind keeps, the ports in memory, and the engine itself.
 * Needs the package `fast-check`.
 */
export { interpret, preview, previewRetire, retire } from "../scores/interpret.ts";
export type { ApplySurroundings, Surroundings } from "../scores/interpret.ts";
export { MemoryStore } from "../wire/memory-store.ts";
export { contractOf } from "./contract.ts";
export type { Check, ContractOptions } from "./contract.ts";
export { fakeArchive } from "./fake-archive.ts";
export { FakeAssets } from "./fake-assets.ts";
export { FakeAuditedShell } from "./fake-audited-shell.ts";
export type { FakeProgram } from "./fake-audited-shell.ts";
export { FakeClock, settle } from "./fake-clock.ts";
export { FakeContainerRuntime } from "./fake-container-runtime.ts";
export type { FakeContainer, FakeContainerRuntimeOptions } from "./fake-container-runtime.ts";
export { FakeFileSystem } from "./fake-file-system.ts";
export type { FakeEntry, FakeFileSystemOptions, FakeTreeEntry } from "./fake-file-system.ts";
export { FakeImages } from "./fake-images.ts";
export type { FakeImage } from "./fake-images.ts";
export { FakeK8sClient } from "./fake-k8s-client.ts";
export { FakePackageManager } from "./fake-package-manager.ts";
export type { FakePackage, FakeSource } from "./fake-package-manager.ts";
export { FakePacketFilter } from "./fake-packet-filter.ts";
export type { FakeFilterTables } from "./fake-packet-filter.ts";
export { FakeNetworkConfigurator } from "./fake-network-configurator.ts";
export type { FakeInterface, FakeInterfaceFact, FakeLive } from "./fake-network-configurator.ts";
export { FakeSystemdHost } from "./fake-systemd-host.ts";
export type { FakeUnit, FakeUnitFact } from "./fake-systemd-host.ts";
export { FaultyPorts } from "./faulty-ports.ts";
export type { Fault, PortCall } from "./faulty-ports.ts";
export type { Place, Snapshot, Verdict, World } from "./world.ts";
export { WORLDS } from "./worlds.ts";
