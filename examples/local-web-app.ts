/**
 * A web application that runs twice, behind a load balancer that takes each copy out while it does not answer:
 *
 *     harmony apply examples/local-web-app.ts --agent pi-7
 *     curl http://pi-7.local:8000/
 *
 * A composition is a function: `copy` makes the Scores of one copy, and the manifest has as many as it likes.
 */
import {
  compose,
  type Composition,
  FileScore,
  loadBalancer,
  manifest,
  PiTopology,
  SystemdServiceScore,
} from "harmony-edge";

const PROGRAM = "/usr/local/lib/web-app.cjs";
const program = `// Says who answers. On /health, whether it can.
const { createServer } = require("node:http");
const { NAME, PORT } = process.env;
createServer((request, response) => {
  response.end(request.url === "/health" ? "well\\n" : \`hello from \${NAME}\\n\`);
}).listen(Number(PORT), "127.0.0.1");
`;

const ports = { blue: 8001, green: 8002 };

const copy = (name: string, port: number): Composition<SystemdServiceScore> =>
  compose("WebApp", {
    service: new SystemdServiceScore({
      name: `web-app-${name}`,
      exec: ["/usr/bin/node", PROGRAM],
      environment: { NAME: name, PORT: String(port) },
      user: "nobody",
      hardening: "standard",
    }),
  });

export default manifest(
  PiTopology,
  {
    program: new FileScore({ path: PROGRAM, content: program, parents: true }),
    blue: copy("blue", ports.blue),
    green: copy("green", ports.green),
    lb: loadBalancer({
      publicServices: {
        web: {
          port: 8000,
          mode: "http",
          check: { by: "http", path: "/health" },
          servers: {
            blue: { address: "127.0.0.1", port: ports.blue },
            green: { address: "127.0.0.1", port: ports.green },
          },
        },
      },
    }),
  },
  {
    after: { blue: ["program"], green: ["program"], lb: ["blue", "green"] },
    restartOn: { blue: ["program"], green: ["program"] },
  },
);
