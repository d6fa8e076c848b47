/**
 * A Raspberry Pi that shows one page full screen. Try it without any device: `harmony dev examples/kiosk.ts`.
 */
import { DirectoryScore, FileScore, manifest, PiTopology } from "harmony-edge";

const www = "/srv/kiosk/www";

const page = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <title>Departures</title>
    <link rel="icon" href="icon.png">
  </head>
  <body><h1>Departures</h1></body>
</html>
`;

/** What the browser is started with; the launcher on the device reads this file. */
const settings = {
  url: `file://${www}/index.html`,
  rotate: 90,
  hideCursor: true,
  reloadEveryMinutes: 15,
};

/** One white pixel. Bytes that are no text go in as base64. */
const icon = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8/5+hHgAHggJ/PchI7wAAAABJRU5ErkJggg==";

export default manifest(
  PiTopology,
  {
    motd: new FileScore({
      path: "/etc/motd",
      content: "This machine is a kiosk. It is managed: what you change by hand is changed back.\n",
      parents: true,
    }),
    settings: new FileScore({
      path: "/etc/kiosk/settings.json",
      content: `${JSON.stringify(settings, null, 2)}\n`,
      mode: "0640",
      parents: true,
    }),
    www: new DirectoryScore({ path: www, parents: true }),
    page: new FileScore({ path: `${www}/index.html`, content: page }),
    icon: new FileScore({ path: `${www}/icon.png`, content: { base64: icon } }),
  },
  { after: { page: ["www"], icon: ["www"] } },
);
