import {
  FakeAuditedShell,
  type FakeClock,
  FakeContainerRuntime,
  FakeFileSystem,
  FakeK8sClient,
  FakeNetworkConfigurator,
  FakePackageManager,
  FakePacketFilter,
  FakeSystemdHost,
} from "../../src/testing/index.ts";

/** Every port there is, of a device in memory with nothing on it. */
export const fakePorts = (clock: FakeClock) => ({
  AuditedShell: new FakeAuditedShell(),
  ContainerRuntime: new FakeContainerRuntime(),
  FileSystemHost: new FakeFileSystem(),
  K8sClient: new FakeK8sClient(),
  NetworkConfigurator: new FakeNetworkConfigurator(),
  PackageManager: new FakePackageManager(),
  PacketFilter: new FakePacketFilter(),
  SystemdHost: new FakeSystemdHost({ clock }),
});
