/**
 * A gateway that reads a sensor every ten seconds and serves the latest value to the local network:
 *
 *     harmony apply examples/sensor-gateway.ts --agent pi-7
 *     curl http://pi-7.local:8090/latest
 *
 * The program is a few lines of Node, which is on every device that has an agent.
 */
import {
  compose,
  DirectoryScore,
  FileScore,
  manifest,
  PiTopology,
  SystemdServiceScore,
  SystemdTimerScore,
} from "harmony-edge";

const settings = {
  /** Any file that holds a number. On a 1-Wire bus: /sys/bus/w1/devices/28-.../temperature. */
  sensor: "/proc/uptime",
  everySeconds: 10,
  port: 8090,
};

const program = `// Serves the latest value; "report" asks for it, and says it in the journal.
const { readFileSync } = require("node:fs");
const { createServer } = require("node:http");
const { sensor, everySeconds, port } = JSON.parse(readFileSync("/etc/sensor-gateway/settings.json", "utf8"));

if (process.argv[2] === "report") {
  fetch(\`http://127.0.0.1:\${port}/latest\`).then(async (answer) => console.log(await answer.text()));
} else {
  let latest = { value: null, at: null };
  const sample = () => {
    try {
      latest = { value: Number.parseFloat(readFileSync(sensor, "utf8")), at: new Date().toISOString() };
    } catch (error) {
      console.error(error.message);
    }
  };
  sample();
  setInterval(sample, everySeconds * 1000);
  createServer((request, response) => {
    response.statusCode = request.url === "/latest" ? 200 : 404;
    response.end(request.url === "/latest" ? JSON.stringify(latest) + "\\n" : "");
  }).listen(port);
}
`;

const PROGRAM = "/usr/local/lib/sensor-gateway/main.cjs";
const node = ["/usr/bin/node", PROGRAM];
const rights = { user: "nobody", hardening: "standard" } as const;

/** Once an hour the latest value goes into the journal, too. */
const report = compose(
  "Report",
  {
    service: new SystemdServiceScore({
      ...rights,
      name: "sensor-gateway-report",
      exec: [...node, "report"],
      type: "oneshot",
      run: "when-asked",
    }),
    timer: new SystemdTimerScore({ name: "sensor-gateway-report", onCalendar: ["hourly"] }),
  },
  { after: { timer: ["service"] } },
);

export default manifest(
  PiTopology,
  {
    settings: new FileScore({
      path: "/etc/sensor-gateway/settings.json",
      content: `${JSON.stringify(settings, null, 2)}\n`,
      parents: true,
    }),
    folder: new DirectoryScore({ path: "/usr/local/lib/sensor-gateway" }),
    program: new FileScore({ path: PROGRAM, content: program }),
    gateway: new SystemdServiceScore({
      ...rights,
      name: "sensor-gateway",
      description: "Serves the latest value of a sensor",
      exec: node,
    }),
    report,
  },
  {
    after: { program: ["folder"], gateway: ["program", "settings"], report: ["gateway"] },
    restartOn: { gateway: ["program", "settings"] },
  },
);
