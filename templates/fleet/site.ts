// What one device should be, and all that Harmony keeps there. `npx harmony kinds` lists what it can be made of.
import { DirectoryScore, FileScore, manifest, PiTopology } from "harmony-edge";

/**
 * What differs between devices is a parameter. One more place is one more file: `export default site("Paris")`, with `site`
 * imported from here. Or all of them stand in one file, by their labels: fleet(), in docs/fleets.md of harmony-edge.
 */
export const site = (place: string) =>
  manifest(
    PiTopology,
    {
      messages: new DirectoryScore({ path: "/etc/motd.d", parents: true }),
      place: new FileScore({ path: "/etc/motd.d/place", content: `This device is in ${place}.\n` }),
    },
    // Nothing begins before what it builds on is there.
    { after: { place: ["messages"] } },
  );

export default site("the lab");
