// A part is a Score or a composition.
// expect 9:3 TS2322 Type 'any' is not assignable to type 'never'.
// expect 10:3 TS2322 is not assignable to type '"this is no part: make it with a Score class, e.g. new FileScore({ ... }), or with compose()"'.
import { compose, FileScore } from "harmony-edge";

const parsed = JSON.parse("{}");
export default compose("Shop", {
  settings: new FileScore({ path: "/etc/shop", content: "hello\n" }),
  parsed,
  text: "shop",
});
