// Writes the golden bytes of the wire that are not there yet. What is there is never written again: it stands for what
// agents and control planes out there have sent. For a new kind, or a new version of one, add Scores to SAMPLES, and run
// node scripts/golden.ts
import { generateKeyPairSync } from "node:crypto";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { AuditedShell } from "../src/capabilities/audited-shell.ts";
import { ContainerRuntime } from "../src/capabilities/container-runtime.ts";
import { FileSystemHost } from "../src/capabilities/file-system-host.ts";
import { K8sClient } from "../src/capabilities/k8s-client.ts";
import { PackageManager } from "../src/capabilities/package-manager.ts";
import { PacketFilter } from "../src/capabilities/packet-filter.ts";
import { NetworkConfigurator } from "../src/capabilities/network-configurator.ts";
import { SystemdHost } from "../src/capabilities/systemd-host.ts";
import { assetOf } from "../src/scores/asset.ts";
import {
  ContainerScore,
  DirectoryScore,
  FileScore,
  FirewallPortsScore,
  K8sDeploymentScore,
  KINDS,
  PackageScore,
  ShellJobScore,
  NetworkInterfaceScore,
  SystemdServiceScore,
  SystemdTimerScore,
  SystemdUnitScore,
} from "../src/scores/index.ts";
import type { AnyScore } from "../src/scores/score.ts";
import { secret } from "../src/scores/secret.ts";
import { type Manifest, manifest } from "../src/topology/manifest.ts";
import { topology } from "../src/topology/topology.ts";
import { decodeScore } from "../src/wire/decode.ts";
import { assetEnvelope, encode, type EncodeOptions, encodeScore, inlineEnvelope } from "../src/wire/encode.ts";
import { AgentId } from "../src/wire/keys.ts";
import { keyPairOf } from "../src/wire/secrets/hpke.ts";
import { sealFor, sealingKeyOf } from "../src/wire/secrets/sealed.ts";
import { encodeSpec } from "../src/wire/spec-codec.ts";
import { DOCUMENTS } from "./golden-documents.ts";

const folder = fileURLToPath(new URL("../test/wire/golden/", import.meta.url));

/** Offers all that any kind requires. */
const Everywhere = topology("Everywhere", [
  AuditedShell,
  ContainerRuntime,
  FileSystemHost,
  K8sClient,
  SystemdHost,
  PacketFilter,
  PackageManager,
  NetworkConfigurator,
]);

const SAMPLES: Readonly<Record<string, Readonly<Record<string, AnyScore>>>> = {
  "File@1": {
    defaults: new FileScore({ path: "/etc/motd", content: "hello\n" }),
    everything: new FileScore({
      path: "/srv/www/index.html",
      content: '<h1>h\u00e9llo \u{1f30d}</h1>\r\n\t"quoted" \\ \u2028\n',
      mode: "0640",
      owner: "www-data",
      group: "33",
      parents: true,
    }),
    bytes: new FileScore({ path: "/opt/logo.bin", content: { base64: "iVBORw0KGgoAAAD//w==" }, mode: "4755" }),
    empty: new FileScore({ path: "/etc/nologin", content: "" }),
    "empty.bytes": new FileScore({ path: "/etc/empty", content: { base64: "" }, owner: "0" }),
    "path-with-all-sorts": new FileScore({ path: "/srv/\u00fcber uns/a.b\\c", content: "\0\u007f" }),
  },
  "File@1-assets": {
    asset: new FileScore({
      path: "/srv/site.tar.zst",
      content: { asset: "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824", size: 5 },
      parents: true,
    }),
    empty: new FileScore({
      path: "/srv/none",
      content: assetOf("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", 0),
    }),
  },
  "Container@1-assets": {
    archive: new ContainerScore({
      name: "web",
      image: { asset: "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824", size: 5 },
    }),
  },
  "Directory@1": {
    defaults: new DirectoryScore({ path: "/srv/www" }),
    everything: new DirectoryScore({
      path: "/var/lib/app/data",
      mode: "2770",
      owner: "app",
      group: "1000",
      parents: true,
    }),
    sticky: new DirectoryScore({ path: "/srv/drop box", mode: "1777" }),
  },
  "K8sDeployment@1": {
    defaults: new K8sDeploymentScore({ name: "shop", image: "shop:1" }),
    everything: new K8sDeploymentScore({
      name: "api",
      namespace: "prod",
      image: "registry.example/team/api@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
      replicas: 3,
    }),
    none: new K8sDeploymentScore({ name: "paused", image: "x", replicas: 0 }),
  },
  "FirewallPorts@1": {
    defaults: new FirewallPortsScore({ name: "none" }),
    everything: new FirewallPortsScore({
      name: "wan-1",
      interfaces: ["eth0", "wlan0.7"],
      ports: [
        { port: 22, from: ["192.0.2.7", "10.0.0.0/8", "2001:db8::/32", "fe80::1"] },
        { port: { first: 60000, last: 61000 }, protocol: "udp" },
      ],
      otherwise: "drop",
    }),
    open: new FirewallPortsScore({ name: "web", ports: [{ port: 80 }, { port: 443 }], otherwise: "accept" }),
  },
  "Package@1": {
    defaults: new PackageScore({ name: "haproxy" }),
    everything: new PackageScore({
      name: "libstdc++6",
      state: "present",
      version: ">= 1:12.2.0~rc1-14+deb12u1, << 2:0",
      hold: true,
      mayRemove: ["mawk", "g++"],
    }),
    absent: new PackageScore({ name: "snapd", state: "absent" }),
  },
  "SystemdService@1": {
    defaults: new SystemdServiceScore({ name: "web", exec: ["/usr/bin/web"] }),
    everything: new SystemdServiceScore({
      name: "sensor-gateway",
      description: "100% of the sensors",
      exec: ["/opt/gw/bin/gw", "--name", 'a "b" \\ $HOME %n\t', ""],
      environment: { LEVEL: "info", GREETING: "h\u00e9llo $x %y" },
      user: "sensor",
      group: "1000",
      workingDirectory: "/var/lib/gw",
      type: "notify",
      restart: "on-failure",
      restartSeconds: 2.5,
      readyAfterSeconds: 5,
      after: ["network-online.target"],
      wants: ["network-online.target"],
      requires: ["dbus.service"],
      hardening: "strict",
      writablePaths: ["/var/lib/gw"],
      limits: { memoryMax: 268_435_456, cpuPercent: 50, tasksMax: 64, openFiles: 1024 },
    }),
    "when-asked": new SystemdServiceScore({
      name: "backup",
      exec: ["/usr/local/bin/backup"],
      type: "oneshot",
      run: "when-asked",
    }),
  },
  "SystemdService@1-probes": {
    http: new SystemdServiceScore({
      name: "web",
      exec: ["/usr/bin/web"],
      readiness: { type: "http", port: 8080 },
      liveness: {
        type: "http",
        port: 8080,
        path: "/alive?deep=1",
        address: "::1",
        intervalSeconds: 30,
        timeoutSeconds: 0.5,
        failureThreshold: 5,
        successThreshold: 2,
        startPeriodSeconds: 60,
      },
    }),
    command: new SystemdServiceScore({
      name: "db",
      exec: ["/usr/bin/db"],
      readiness: { type: "command", command: ["/usr/bin/db-ready", "--all", "h\u00e9llo"] },
      liveness: { type: "tcp", port: 5432 },
    }),
    notify: new SystemdServiceScore({
      name: "gateway",
      exec: ["/opt/gw/bin/gw"],
      readiness: { type: "notify" },
      liveness: { type: "notify", timeoutSeconds: 15 },
    }),
  },
  "SystemdTimer@1": {
    calendar: new SystemdTimerScore({ name: "backup", onCalendar: ["*-*-* 03:00"], persistent: true }),
    everything: new SystemdTimerScore({
      name: "poll",
      description: "Poll",
      onCalendar: ["daily", "Sun 12:00"],
      onBootSeconds: 30,
      onActiveSeconds: 0,
      everySeconds: 90.5,
      persistent: false,
      randomDelaySeconds: 5,
      accuracySeconds: 1,
      unit: "poller@1.service",
    }),
  },
  "Container@1": {
    defaults: new ContainerScore({ name: "web", image: `registry.example/team/web@sha256:${"0a".repeat(32)}` }),
    everything: new ContainerScore({
      name: "sensor-gateway",
      image: "registry.example:5000/gateway:1.2",
      entrypoint: ["/bin/sh", "-c"],
      command: ['exec gateway "$1"', "", "100 %"],
      environment: { LEVEL: "in fo", ZERO: "" },
      ports: [
        { hostPort: 80, containerPort: 8080 },
        { address: "::1", hostPort: 53, containerPort: 5353, protocol: "udp" },
      ],
      volumes: [
        { from: "data", to: "/var/lib/gateway" },
        { from: "/etc/ssl/certs", to: "/certs", readOnly: true },
      ],
      networks: ["edge"],
      user: "1000:1000",
      restart: "on-failure",
      restartSeconds: 5,
      readyAfterSeconds: 3,
      limits: { memoryMax: 67_108_864, cpuPercent: 50, pidsMax: 64 },
      health: { type: "http", port: 8080, path: "/healthz", interval: 10, timeout: 2, retries: 5, startPeriod: 30 },
      secrets: [
        { secret: "token", as: { env: "TOKEN" } },
        { secret: "key", as: { file: "/run/secrets/key" } },
      ],
      after: ["time-sync.target"],
    }),
    command: new ContainerScore({
      name: "checked",
      image: "registry.example/checked:latest",
      networks: ["none"],
      health: { type: "command", command: ["/bin/check", "--all"] },
    }),
    tcp: new ContainerScore({
      name: "open",
      image: "localhost/open:1",
      networks: ["host"],
      restart: "no",
      health: { type: "tcp", port: 22 },
    }),
  },
  "SystemdUnit@1": {
    nothing: new SystemdUnitScore({ unit: "cron.service" }),
    off: new SystemdUnitScore({ unit: "bluetooth.service", masked: true, enabled: false, active: false }),
    on: new SystemdUnitScore({
      unit: "getty@tty1.service",
      masked: false,
      enabled: true,
      active: true,
      settings: { Service: { Environment: ["A=%n", "B=$x"], Nice: "5" } },
    }),
  },
  "ShellJob@1": {
    defaults: new ShellJobScore({
      name: "seed",
      check: ["/usr/bin/test", "-e", "/srv/seeded"],
      run: ["/usr/bin/touch", "/srv/seeded"],
      runAs: "root",
      approver: "Ada",
      expires: new Date("2027-01-01T00:00:00.000Z"),
    }),
    everything: new ShellJobScore({
      name: "kiosk.v2",
      check: { script: 'test "$(cat version)" = "$WANTED"' },
      run: ["/opt/kiosk/install", "--name", 'a "b" \\ $HOME\n\t', "", "h\u00e9llo \u{1f30d}"],
      undo: { script: "import shutil; shutil.rmtree('app')", interpreter: "/usr/bin/python3" },
      timeoutSeconds: 1800.5,
      runAs: "1000",
      workingDirectory: "/opt/kiosk",
      environment: { WANTED: "2", TOKEN: "hunter2-hunter2", EMPTY: "" },
      redact: ["TOKEN"],
      approver: "Grace Hopper <grace@example.org>, change 4711",
      expires: new Date("2026-12-24T18:00:00.001Z"),
    }),
  },
  "NetworkInterface@1": {
    dhcp: new NetworkInterfaceScore({ name: "eth0", ipv4: { method: "dhcp" } }),
    everything: new NetworkInterfaceScore({
      name: "enp1s0.100",
      ipv4: { method: "static", addresses: ["198.51.100.2/24", "203.0.113.6/29"], gateway: "198.51.100.1" },
      ipv6: { method: "static", addresses: ["2001:DB8::2/64"], gateway: "fe80::1" },
      routes: [{ to: "192.0.2.0/24", via: "198.51.100.7", metric: 50 }, { to: "2001:db8:1::/48" }],
      dns: ["198.51.100.1", "2001:db8::53"],
      mac: "02-00-5E-00-53-01",
      mtu: 1400,
      confirmWithinSeconds: 90,
      attempt: 3,
    }),
    "no-ipv6": new NetworkInterfaceScore({
      name: "eth1",
      ipv4: { method: "static", addresses: ["198.51.100.2/24"] },
      ipv6: { method: "off" },
      mtu: 576,
    }),
    "no-ipv4": new NetworkInterfaceScore({
      name: "eth2",
      ipv4: { method: "off" },
      ipv6: { method: "link-local" },
    }),
  },
};

const options: EncodeOptions = {
  agentId: AgentId.parse("pi-7"),
  generation: 7,
  issuedAt: new Date("2026-11-23T08:00:00.000Z"),
};

/** A place in a row, so that order is in the bytes too. */
const inARow = (scores: Readonly<Record<string, AnyScore>>): Manifest => {
  const ids = Object.keys(scores);
  const after = Object.fromEntries(ids.slice(1).map((id, at) => [id, [ids[at] ?? id]]));
  const unjudged: Record<string, never> = {};
  // The encoder judges whether they fit; there is no one type for Scores of all kinds.
  // Past `manifest()`, which takes no restart of what does not run: the bytes of old control planes have it.
  return { ...manifest(Everywhere, Object.assign(unjudged, scores), { after }), restartOn: after };
};

function encoded(of: Manifest, how: EncodeOptions = options): Extract<ReturnType<typeof encode>, { _tag: "Encoded" }> {
  const result = encode(of, how);
  if (result._tag !== "Encoded") throw new Error(JSON.stringify(result));
  return result;
}

/** One file, or several that belong together: when any of them is there, none is written. */
function write(files: Readonly<Record<string, Uint8Array | string>>): void {
  const there = Object.keys(files).filter((name) => existsSync(join(folder, name)));
  if (there.length > 0) {
    process.stderr.write(`${there.join(" and ")}: there already, left as it is\n`);
    return;
  }
  for (const [name, content] of Object.entries(files)) {
    writeFileSync(join(folder, name), content, { flag: "wx" });
    process.stderr.write(`${name}: written\n`);
  }
}

/** What must come of it for ever: the spec, as superjson writes it, and the digest, by which agents know it again. */
function expectationOf(score: AnyScore): { readonly spec: unknown; readonly digest: string } {
  const decoded = decodeScore(encodeScore(score), { kinds: KINDS, topology: Everywhere });
  if (decoded._tag !== "Score") throw new Error(decoded.refusal.message);
  return { spec: encodeSpec(decoded.score.spec), digest: decoded.digest };
}

const asText = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

mkdirSync(folder, { recursive: true });

for (const [name, scores] of Object.entries(SAMPLES)) {
  const { payload, signatures } = encoded(inARow(scores));
  const expected = Object.fromEntries(Object.entries(scores).map(([id, score]) => [id, expectationOf(score)]));
  write({ [`${name}.json`]: inlineEnvelope(payload, signatures), [`${name}.expected.json`]: asText(expected) });
}

const motd = manifest(Everywhere, { motd: new FileScore({ path: "/etc/motd", content: "hello\n" }) });
const { publicKey, privateKey } = generateKeyPairSync("ed25519");
const signed = encoded(motd, { ...options, signers: [{ key: "ops-2026", privateKey }] });
write({
  "envelope-signed.json": inlineEnvelope(signed.payload, signed.signatures),
  "envelope-signed.public-key.pem": publicKey.export({ type: "spki", format: "pem" }),
});
write({ "envelope-inline.json": inlineEnvelope(encoded(motd).payload, []) });
write({ "envelope-empty.json": inlineEnvelope(encoded(manifest(Everywhere, {})).payload, []) });
write({
  "envelope-policies.json": inlineEnvelope(
    encoded(
      manifest(
        Everywhere,
        {
          plain: new FileScore({ path: "/etc/plain", content: "" }),
          told: new FileScore({ path: "/etc/told", content: "" }),
          own: new FileScore({ path: "/etc/own", content: "" }),
          seed: new FileScore({ path: "/etc/seed", content: "" }),
          theirs: new FileScore({ path: "/etc/theirs", content: "" }),
        },
        {
          policies: {
            told: { drift: "report", lookEverySeconds: 60 },
            own: { drift: "ignore", ownership: "own" },
            seed: { ownership: "createOnly", removal: "orphan" },
            theirs: { ownership: "observe", lookEverySeconds: 1.5 },
          },
        },
      ),
    ).payload,
    [],
  ),
});
write({
  "envelope-rollback.json": inlineEnvelope(
    encoded(
      manifest(
        Everywhere,
        { motd: new FileScore({ path: "/etc/motd", content: "" }) },
        { rollbackOnFailure: { withinSeconds: 60 } },
      ),
      { ...options, retryFailed: true },
    ).payload,
    [],
  ),
});
// Sealed for the key whose private half is 32 bytes of 7.
const device = sealingKeyOf(keyPairOf(Buffer.alloc(32, 7)));
write({
  "envelope-secrets.json": inlineEnvelope(
    encoded(
      manifest(Everywhere, {
        psk: new FileScore({ path: "/etc/wifi.psk", content: secret("wifi-psk") }),
        motd: new FileScore({ path: "/etc/motd", content: "" }),
      }),
      {
        ...options,
        secrets: new Map([
          ["wifi-psk", sealFor(Buffer.from("correct horse"), [device], { agentId: options.agentId, name: "wifi-psk" })],
        ]),
      },
    ).payload,
    [],
  ),
});
write({
  "envelope-asset.json": assetEnvelope(
    "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    signed.signatures,
  ),
});
for (const [name, document] of Object.entries(DOCUMENTS)) write({ [`${name}.json`]: JSON.stringify(document) });
