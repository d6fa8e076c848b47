import { isGuarded, policiesOf } from "../topology/policies.ts";
import type { DecodedScore } from "../wire/decode.ts";
import type { WireScore } from "../wire/envelope.ts";
import type { ScoreStatus } from "../wire/status.ts";
import type { Ledger } from "./ledger.ts";

/** What is owned is dealt with by the policies that were wanted last, also if nothing else of its Score changed. */
export function govern(ledger: Ledger, id: string, decoded: DecodedScore, status: ScoreStatus): void {
  if (decoded._tag === "Score") {
    const { identity, wire, digest } = decoded;
    // What was only told of was never made, unless it is known that it was.
    const isReached = status.state === "Ready" && status.digest === digest;
    rule(ledger, identity, wire, isReached ? digest : ledger.owned.get(identity)?.reached);
  } else if (decoded.wire !== undefined) {
    // A capability is away: what is there cannot be looked at, and may be dropped before it can.
    const { identity: known, wire } = decoded;
    if (known !== undefined) return rule(ledger, known, wire, ledger.owned.get(known)?.reached);
    for (const { id: of, identity, reached } of [...ledger.owned.values()]) {
      if (of === id) rule(ledger, identity, wire, reached);
    }
  }
}

function rule(ledger: Ledger, identity: string, wire: WireScore, reached: string | undefined): void {
  ledger.govern(identity, wire, isGuarded(policiesOf(wire.policies)) && reached !== undefined ? { reached } : {});
}
