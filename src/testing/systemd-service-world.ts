import { SystemdServiceScore } from "../scores/systemd-service.ts";
import { ownUnitWorld, type Written } from "./own-unit-world.ts";

type Spec = ConstructorParameters<typeof SystemdServiceScore>[0];

const INSTALL = "\n[Install]\nWantedBy=multi-user.target\n";

/** A look is enough to tell. */
const ASKED = { type: "command" as const, command: ["/usr/bin/true"], failureThreshold: 1 };

const WRITTEN: readonly [Written<Spec>, ...Written<Spec>[]] = [
  {
    spec: { name: "web", exec: ["/usr/bin/web"] },
    unit: "web.service",
    text: `[Unit]\nDescription=web\n\n[Service]\nType=exec\nExecStart="/usr/bin/web"\nRestart=always\nRestartSec=1s\n${INSTALL}`,
    runs: true,
  },
  {
    spec: {
      name: "sensor-gateway",
      description: "100% of the sensors",
      exec: ["/opt/gw", "--name", 'a "b" \\ $HOME %n\t'],
      environment: { LEVEL: "in fo", B: "$x %y" },
      user: "sensor",
      restart: "on-failure",
      restartSeconds: 2.5,
      after: ["network-online.target"],
      wants: ["network-online.target", "time-sync.target"],
      limits: { openFiles: 256 },
    },
    unit: "sensor-gateway.service",
    text:
      "[Unit]\nDescription=100%% of the sensors\nAfter=network-online.target\nWants=network-online.target time-sync.target\n\n" +
      '[Service]\nType=exec\nExecStart="/opt/gw" "--name" "a \\"b\\" \\\\ $$HOME %%n\\t"\n' +
      'Environment="B=$x %%y"\nEnvironment="LEVEL=in fo"\nUser=sensor\nRestart=on-failure\nRestartSec=2.5s\nLimitNOFILE=256\n' +
      INSTALL,
    runs: true,
  },
  {
    spec: {
      name: "backup",
      exec: ["/usr/local/bin/backup", ""],
      type: "oneshot",
      run: "when-asked",
      workingDirectory: "/srv/back up",
    },
    unit: "backup.service",
    text:
      '[Unit]\nDescription=backup\n\n[Service]\nType=oneshot\nExecStart="/usr/local/bin/backup" ""\n' +
      `WorkingDirectory=/srv/back up\nRestart=no\nRestartSec=1s\n${INSTALL}`,
    runs: false,
  },
  {
    spec: { name: "asked", exec: ["/usr/bin/web"], readiness: ASKED, liveness: { ...ASKED, successThreshold: 1 } },
    unit: "asked.service",
    text: `[Unit]\nDescription=asked\n\n[Service]\nType=exec\nExecStart="/usr/bin/web"\nRestart=always\nRestartSec=1s\n${INSTALL}`,
    runs: true,
    hangs: "restart",
  },
  {
    spec: { name: "told", exec: ["/usr/bin/web"], readiness: ASKED, liveness: { type: "notify", timeoutSeconds: 90 } },
    unit: "told.service",
    text:
      '[Unit]\nDescription=told\n\n[Service]\nType=exec\nExecStart="/usr/bin/web"\nRestart=always\nRestartSec=1s\n' +
      `WatchdogSec=90s\n${INSTALL}`,
    runs: true,
    hangs: "told",
  },
  {
    spec: { name: "handed", exec: ["/usr/bin/web"], credentials: { token: { secret: "api-token" } } },
    unit: "handed.service",
    text:
      '[Unit]\nDescription=handed\n\n[Service]\nType=exec\nExecStart="/usr/bin/web"\nRestart=always\nRestartSec=1s\n' +
      `LoadCredential=token:/var/lib/harmony-edge/credentials/handed.service/token@${"0".repeat(16)}\n${INSTALL}`,
    runs: true,
    credentials: { [`token@${"0".repeat(16)}`]: "the secret api-token" },
  },
];

/** The same with parts of the spec that its unit file does not tell of. */
export function systemdServiceWorldOf(more: Partial<Spec>): ReturnType<typeof ownUnitWorld<Spec>> {
  const [first, ...others] = WRITTEN;
  const and = (each: Written<Spec>): Written<Spec> => ({ ...each, spec: { ...each.spec, ...more } });
  return ownUnitWorld(SystemdServiceScore, [and(first), ...others.map(and)]);
}

/** Specs of a service, and the supervisor in memory. */
export const systemdServiceWorld = systemdServiceWorldOf({});
