// Only what a group says that it needs is there for sure, and only with the values that it names.
// expect 11:57 TS7053 Property 'rome' does not exist on type '{ paris: string; }'
// expect 12:64 TS2339 Property 'hall' does not exist
import { FileScore, fleet, group, manifest, PiTopology } from "harmony-edge";

const GREETING = { paris: "bonjour" };

export default fleet({
  kiosks: group("role=kiosk", PiTopology, { site: ["paris", "rome"] }, ({ labels }) =>
    manifest(PiTopology, {
      motd: new FileScore({ path: "/etc/motd", content: GREETING[labels.site] }),
      hall: new FileScore({ path: "/etc/hall", content: labels.hall }),
    }),
  ),
});
