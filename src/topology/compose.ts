import type { AnyScore } from "../scores/score.ts";
import type { ScoresOf } from "./fits.ts";
import type { Order } from "./order.ts";
import { asComposition, type Composition, gather, InvalidManifest } from "./parts.ts";

/**
 * Makes one value of several Scores: what a manifest then holds under one id. Its parts may be compositions themselves.
 *
 * ```ts
 * const website = (name: string, page: string) =>
 *   compose("Website", {
 *     folder: new DirectoryScore({ path: `/srv/${name}` }),
 *     page: new FileScore({ path: `/srv/${name}/index.html`, content: page }),
 *   }, { after: { page: ["folder"] } });
 *
 * export default manifest(PiTopology, { shop: website("shop", "<h1>Shop</h1>\n") });
 * ```
 *
 * The manifest holds ordinary Scores, here `shop.folder` and `shop.page`, and nothing else travels. In `after` and
 * `restartOn`, the composition's id stands for all its parts. What it requires is what its parts require together.
 *
 * @param name what it is, for error messages
 * @throws {InvalidManifest} for a bad id, an id that is not there, a cycle, or no part at all.
 */
export function compose<const P extends Readonly<Record<string, unknown>>>(
  name: string,
  parts: PartsOf<P>,
  order?: Order<Extract<NoInfer<keyof P>, string>>,
): Composition<ScoresOf<P[keyof P]>>;
export function compose(name: string, parts: object, order: Order = {}): Composition {
  try {
    if (Object.keys(parts).length === 0) throw new InvalidManifest("it has no parts: give it one at least");
    return asComposition(name, gather(parts, order, "composition"));
  } catch (error) {
    throw error instanceof InvalidManifest ? new InvalidManifest(`${name}: ${error.message}`) : error;
  }
}

/** Each part's own type if it can be one. `any` is assignable to everything but `never`. */
export type PartsOf<P> = {
  readonly [Id in keyof P]: 0 extends 1 & P[Id] ? never : P[Id] extends AnyScore | Composition ? P[Id] : NoPart;
};
type NoPart = "this is no part: make it with a Score class, e.g. new FileScore({ ... }), or with compose()";
