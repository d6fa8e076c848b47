import * as z from "zod";
import type { Chains } from "./nft-rules.ts";
import { safeParse } from "../../wire/safe-parse.ts";

const Listing = z.object({ nftables: z.array(z.unknown()) });
const ChainItem = z.object({ chain: z.looseObject({ name: z.string() }) });
const RuleItem = z.object({ rule: z.looseObject({ chain: z.string(), expr: z.array(z.unknown()) }) });
const Counter = z.object({ counter: z.unknown() });

/**
 * Reads what `nft -j list table` prints; null where it is not that. Sets and maps that somebody has put into the table are
 * left out: without a rule that names them they do nothing.
 */
export function chainsIn(listing: string): Chains | null {
  const parsed = safeParse(Listing, parseJson(listing));
  if (!parsed.success) return null;
  const chains = new Map<string, { properties: Readonly<Record<string, unknown>>; rules: (readonly unknown[])[] }>();
  for (const item of parsed.data.nftables) {
    const chain = safeParse(ChainItem, item);
    if (chain.success) {
      const { name, family: _family, table: _table, handle: _handle, ...properties } = chain.data.chain;
      chains.set(name, { properties, rules: [] });
    }
    const rule = safeParse(RuleItem, item);
    if (rule.success) {
      const { chain: of, family: _family, table: _table, handle: _handle, expr, ...rest } = rule.data.rule;
      // The rest is a comment, say: nothing that is written from here, so that it must be seen as a difference.
      const foreign = Object.keys(rest).length === 0 ? [] : [rest];
      chains.get(of)?.rules.push([...expr.filter((each) => !safeParse(Counter, each).success), ...foreign]);
    }
  }
  return chains;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
