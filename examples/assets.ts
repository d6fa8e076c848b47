// A file of any size travels apart from the manifest, which carries its hash alone. Try it without a server of your own:
//
//   harmony dev examples/assets.ts
import { asset, DirectoryScore, FileScore, manifest, PiTopology } from "harmony-edge";

export default manifest(
  PiTopology,
  {
    www: new DirectoryScore({ path: "/srv/www" }),
    logo: new FileScore({ path: "/srv/www/logo.svg", content: asset("./assets/logo.svg") }),
  },
  { after: { logo: ["www"] } },
);
