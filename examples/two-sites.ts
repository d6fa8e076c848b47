/**
 * Kiosks of two sites and the sensors between them: one file for many devices.
 *
 * `harmony check examples/two-sites.ts` looks at each manifest that can come of it, and
 * `harmony apply examples/two-sites.ts --selector env=live --wave 1,10%,100% --soak 5m` rolls it out.
 */
import { DirectoryScore, FileScore, fleet, group, manifest, PackageScore, PiTopology } from "harmony-edge";

const GREETING = { paris: "Bienvenue", rome: "Benvenuti" };

/** Less than this, and the page is shown without pictures. */
const ENOUGH_MEMORY = 900 * 1024 ** 2;

export default fleet({
  // Each kiosk has a label site, and it is one of these two: another one is refused, by every gate.
  kiosks: group("role=kiosk", PiTopology, { site: ["paris", "rome"], hall: "any" }, ({ labels, hardware }) =>
    manifest(
      PiTopology,
      {
        site: new DirectoryScore({ path: "/srv/kiosk" }),
        page: new FileScore({
          path: "/srv/kiosk/index.html",
          content: `<h1>${GREETING[labels.site]}</h1><p>${labels.hall}</p>\n`,
        }),
        settings: new FileScore({
          path: "/srv/kiosk/settings.json",
          content: JSON.stringify({ pictures: (hardware?.memoryBytes ?? 0) >= ENOUGH_MEMORY }),
        }),
      },
      { after: { page: ["site"], settings: ["site"] } },
    ),
  ),
  sensors: group("role=sensor,!retired", PiTopology, {}, ({ agentId }) =>
    manifest(PiTopology, {
      tools: new PackageScore({ name: "i2c-tools" }),
      name: new FileScore({ path: "/etc/sensor-name", content: `${agentId}\n` }),
    }),
  ),
});
