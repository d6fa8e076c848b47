/**
 * A Raspberry Pi that shows one page: a service of systemd puts it on the screen.
 *
 * `npm run demo:pi` applies it to a machine that it boots for the purpose.
 */
import { compose, DirectoryScore, FileScore, manifest, PiTopology, SystemdServiceScore } from "harmony-edge";

const PAGE = "/srv/kiosk/index.html";

const page = `<!doctype html>
<html lang="en">
  <head><meta charset="utf-8"><title>Departures</title></head>
  <body><h1>Departures</h1></body>
</html>
`;

/** The page, and the folder it lies in. */
const site = compose(
  "Site",
  {
    folder: new DirectoryScore({ path: "/srv/kiosk", parents: true }),
    page: new FileScore({ path: PAGE, content: page }),
  },
  { after: { page: ["folder"] } },
);

/**
 * Stands in for a browser, so that the example needs none: it loads the page now and then, and says its title in the
 * journal. On a real kiosk `exec` is ["/usr/bin/cage", "/usr/bin/chromium", "--kiosk", PAGE].
 */
const browser = `const show = async () => {
  const text = await require("node:fs/promises").readFile(process.argv[2], "utf8");
  console.log("showing " + /<title>(.*)<.title>/.exec(text)?.[1]);
};
const loop = () => show().catch((error) => console.log("nothing to show: " + error.message)).finally(() => setTimeout(loop, 2000));
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

export default manifest(PiTopology, { site, screen }, { after: { screen: ["site"] } });
