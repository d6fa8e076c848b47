import { FileScore, manifest, PiTopology, SystemdServiceScore } from "harmony-edge";

export default manifest(
  PiTopology,
  {
    page: new FileScore({ path: "/srv/kiosk/index.html", content: "<h1>Open</h1>\n", parents: true }),
    web: new SystemdServiceScore({
      name: "kiosk",
      exec: ["/usr/bin/busybox", "httpd", "-f", "-p", "8080", "-h", "/srv/kiosk"],
    }),
  },
  { after: { web: ["page"] } },
);
