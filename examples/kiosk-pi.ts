/**
 * A Raspberry Pi that shows one page: a container serves it, a service of systemd puts it on the screen, a file is the
 * page, and a second network interface leads to the displays of the hall, which get the page from there.
 *
 * `npm run demo:pi` applies it to a machine that it boots for the purpose.
 */
import {
  compose,
  ContainerScore,
  DirectoryScore,
  FileScore,
  manifest,
  NetworkInterfaceScore,
  PiTopology,
  SystemdServiceScore,
} from "harmony-edge";

/** Anything with a web server in it. The machine of the demo has this one, in a registry of its own. */
const IMAGE = "127.0.0.1:5000/busybox:1";
const PAGE = "http://127.0.0.1:8080/";

const html = `<!doctype html>
<html lang="en">
  <head><meta charset="utf-8"><title>Departures</title></head>
  <body><h1>Departures</h1></body>
</html>
`;

/** The page, and what serves it. */
const site = compose(
  "Site",
  {
    folder: new DirectoryScore({ path: "/srv/kiosk", parents: true }),
    page: new FileScore({ path: "/srv/kiosk/index.html", content: html }),
    server: new ContainerScore({
      name: "kiosk-server",
      image: IMAGE,
      command: ["/bin/busybox", "httpd", "-f", "-p", "80", "-h", "/www"],
      volumes: [{ from: "/srv/kiosk", to: "/www", readOnly: true }],
      ports: [{ hostPort: 8080, containerPort: 80 }],
      health: { type: "http", port: 80, interval: 2 },
    }),
  },
  { after: { page: ["folder"], server: ["page"] } },
);

/**
 * Stands in for a browser, so that the example needs none: it loads the page now and then, and says its title in the
 * journal. On a real kiosk `exec` is ["/usr/bin/cage", "/usr/bin/chromium", "--kiosk", PAGE].
 */
const browser = `const show = async () => {
  const text = await (await fetch(process.argv[2])).text();
  console.log("showing " + /<title>(.*)<.title>/.exec(text)?.[1]);
};
const loop = () =>
  show()
    .catch((error) => console.log("nothing to show: " + error.message))
    .finally(() => setTimeout(loop, 2000));
loop();
`;
const screen = compose(
  "Screen",
  {
    program: new FileScore({ path: "/usr/local/lib/kiosk/browser.cjs", content: browser, parents: true }),
    service: new SystemdServiceScore({
      name: "kiosk-screen",
      description: "Shows the page of this kiosk",
      exec: ["/usr/bin/node", "/usr/local/lib/kiosk/browser.cjs", PAGE],
      user: "nobody",
      hardening: "standard",
    }),
  },
  { after: { service: ["program"] }, restartOn: { service: ["program"] } },
);

/** The network of the hall's displays. Should the agent lose its server by it, it is taken back by itself. */
const hall = new NetworkInterfaceScore({
  name: "eth1",
  ipv4: { method: "static", addresses: ["203.0.113.2/24"] },
  ipv6: { method: "off" },
});

export default manifest(PiTopology, { hall, site, screen }, { after: { screen: ["site"] } });
