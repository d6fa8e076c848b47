import type { Clock } from "../scores/context.ts";
import type { EventStream } from "../wire/event-stream.ts";
import type { Revisions } from "../wire/revisions.ts";
import type { Store, StoreAdmin } from "../wire/store.ts";

/** What everything in here works with; all of it is passed in. */
export interface FleetParts {
  readonly store: Store & StoreAdmin & EventStream & Revisions;
  readonly clock: Clock;
}
