import type { Unreachable } from "../../wire/store.ts";
import type { ToldStatus } from "../../wire/told-status.ts";
import type { ApplyResult } from "../result.ts";

/** What became of one device. `Open`: nothing yet, since the roll-out itself cannot or may not go on. */
export type DeviceOutcome =
  | { readonly _tag: "Ready" }
  | { readonly _tag: "Failed"; readonly message: string }
  | { readonly _tag: "Open"; readonly unreachable: Unreachable | null };

const MESSAGE_LIMIT = 240;
export const clipped = (message: string): string =>
  message.length > MESSAGE_LIMIT ? `${message.slice(0, MESSAGE_LIMIT)}...` : message;

const failed = (message: string): DeviceOutcome => ({ _tag: "Failed", message: clipped(message) });

export function outcomeOf(result: ApplyResult): DeviceOutcome {
  switch (result._tag) {
    case "Converged":
      return { _tag: "Ready" };
    case "NotConverged":
      return failed(troubleOf(result.status, result.troubled));
    case "RolledBack":
      return failed(`it took generation ${result.generation} back: ${conditionOf(result.status, "RolledBack")}`);
    case "RefusedByAgent":
      return failed(`it refused generation ${result.generation}: ${result.reason}: ${result.message}`);
    case "Superseded":
      return failed(
        result.by === null
          ? "its key was overwritten or deleted by somebody else"
          : `somebody else shipped generation ${result.by} to it`,
      );
    case "TimedOut": {
      const { freshness } = result.liveness;
      const silent = { fresh: "", stale: "; it is silent", never: "; it was never seen" }[freshness];
      return failed(`not Ready in time: ${result.missing[0]?.sentence ?? "it has told nothing"}${silent}`);
    }
    case "Lacking":
      return failed(result.objections[0]?.sentence ?? "something is lacking");
    case "SecretsRefused":
    case "Unfit":
      return failed(`${result.reason}: ${result.message}`);
    case "TooLarge":
      return failed(`its manifest is ${result.bytes} bytes, and an agent reads ${result.limit}`);
    case "Contended":
      return failed("somebody else writes to its key all the time");
    case "LostSight":
    case "NotReached":
      return { _tag: "Open", unreachable: result.unreachable };
    case "Cancelled":
    case "Shipped":
      return { _tag: "Open", unreachable: null };
  }
}

/** The first of the Scores that are not as they should be, with its cause. */
export function troubleOf({ scores }: ToldStatus, troubled: readonly string[]): string {
  const caused = troubled.find((id) => (scores[id]?.error ?? null) !== null) ?? troubled[0] ?? "a Score";
  const { state = "gone", error = null } = scores[caused] ?? {};
  const more = troubled.length > 1 ? ` (and ${troubled.length - 1} more)` : "";
  return `${caused} is ${state}${error === null ? "" : `: ${error.message}`}${more}`;
}

const conditionOf = ({ conditions }: ToldStatus, type: ToldStatus["conditions"][number]["type"]): string =>
  conditions.find((each) => each.type === type)?.message ?? "it failed";
