import { match, P } from "ts-pattern";
import type { Event } from "../wire/events.ts";

/** How things stand by what is on record: what is found as it was is no event. */
export class Standing {
  readonly #known = new Map<string, string>();

  /** Takes it over; false where it stood so already. */
  isNews(event: Event): boolean {
    return match(event)
      .with({ type: "ManifestAccepted" }, ({ pair = "", generation, sha256 }) => {
        const isOther = this.#changes(`accepted ${pair}`, `${generation} ${sha256}`);
        // What is refused from now on was asked for anew.
        if (isOther) this.#known.delete(`refused ${pair}`);
        return isOther;
      })
      .with({ type: "ManifestRefused" }, ({ pair = "", reason, sha256, signedBy }) =>
        this.#changes(`refused ${pair}`, `${reason} ${sha256} ${signedBy.join()}`),
      )
      .with({ type: "PolicyChanged" }, ({ sha256, unreadable }) =>
        this.#changes("policy", `${sha256} ${unreadable}`, "null false"),
      )
      .with({ type: "AuthorsChanged" }, ({ sha256 }) => this.#changes("authors", String(sha256), "null"))
      .with(P._, () => true)
      .exhaustive();
  }

  #changes(about: string, now: string, from = ""): boolean {
    const isOther = (this.#known.get(about) ?? from) !== now;
    this.#known.set(about, now);
    return isOther;
  }
}
