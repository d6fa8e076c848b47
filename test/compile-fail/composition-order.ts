// Order within a composition names its parts, and order in a manifest the composition as a whole.
// expect 14:21 TS2322 Type '"nginx"' is not assignable to type '"folder"'.
// expect 15:25 TS2322 Type '"page"' is not assignable to type '"folder"'.
// expect 21:21 TS2322 Type '"shop.page"' is not assignable to type '"shop"'.
// expect 22:18 TS2353 'site' does not exist
import { compose, DirectoryScore, FileScore, manifest, PiTopology } from "harmony-edge";

const shop = compose(
  "Website",
  {
    folder: new DirectoryScore({ path: "/srv/shop" }),
    page: new FileScore({ path: "/srv/shop/index.html", content: "<h1>Shop</h1>\n" }),
  },
  { after: { page: ["nginx"] },
    restartOn: { page: ["page"] } },
);
export default manifest(
  PiTopology,
  { shop, motd: new FileScore({ path: "/etc/motd", content: "hello\n" }) },
  {
    after: { motd: ["shop.page"] },
    restartOn: { site: ["motd"] },
  },
);
