import { SystemdTimerScore } from "../scores/systemd-timer.ts";
import { ownUnitWorld, type Written } from "./own-unit-world.ts";

type Spec = ConstructorParameters<typeof SystemdTimerScore>[0];

const INSTALL = "\n[Install]\nWantedBy=timers.target\n";

const WRITTEN: readonly [Written<Spec>, ...Written<Spec>[]] = [
  {
    spec: { name: "backup", onCalendar: ["*-*-* 03:00", "Sun 12:00"], persistent: true },
    unit: "backup.timer",
    text:
      "[Unit]\nDescription=backup\n\n[Timer]\nOnCalendar=*-*-* 03:00\nOnCalendar=Sun 12:00\nPersistent=yes\n" +
      `RandomizedDelaySec=0s\nAccuracySec=60s\nUnit=backup.service\n${INSTALL}`,
    runs: true,
  },
  {
    spec: {
      name: "poll",
      description: "Poll",
      onBootSeconds: 30,
      everySeconds: 90.5,
      onActiveSeconds: 1,
      randomDelaySeconds: 5,
      accuracySeconds: 1,
      unit: "poller.service",
    },
    unit: "poll.timer",
    text:
      "[Unit]\nDescription=Poll\n\n[Timer]\nOnBootSec=30s\nOnActiveSec=1s\nOnUnitActiveSec=90.5s\nPersistent=no\n" +
      `RandomizedDelaySec=5s\nAccuracySec=1s\nUnit=poller.service\n${INSTALL}`,
    runs: true,
  },
];

/** Specs of a timer, and the supervisor in memory. */
export const systemdTimerWorld = ownUnitWorld(SystemdTimerScore, WRITTEN, ["active", "starting"]);
