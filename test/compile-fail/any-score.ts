// `any` is assignable to all types but never, so that is what stands in its place.
// expect 9:3 TS2322 Type 'any' is not assignable to type 'never'.
import { DirectoryScore, manifest, PiTopology } from "harmony-edge";

const shop = JSON.parse("{}");

export default manifest(PiTopology, {
  www: new DirectoryScore({ path: "/srv/www" }),
  shop,
});
