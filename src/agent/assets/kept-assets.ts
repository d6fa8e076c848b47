import { assetsIn } from "../../wire/assets-in.ts";
import type { Ledger } from "../ledger.ts";

type Payloads = Pick<Ledger, "accepted" | "lastGood">;

/** What the manifest in force names, and the one that would come back in its place. */
export function keptBy(ledger: Payloads): () => ReadonlySet<string> {
  let known: readonly (string | undefined)[] = [];
  let hashes: ReadonlySet<string> = new Set();
  return () => {
    const payloads = [ledger.accepted?.payload, ledger.lastGood?.payload];
    if (payloads.some((each, index) => each !== known[index])) {
      hashes = new Set(payloads.flatMap((each) => (each === undefined ? [] : [...assetsIn(each)])));
      known = payloads;
    }
    return hashes;
  };
}
