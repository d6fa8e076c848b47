import * as z from "zod";
import { LABEL_KEY, LABEL_VALUE } from "../topology/selector.ts";

/** The most labels of one device. */
export const LABELS_LIMIT = 32;

/**
 * What a device is called beside its id: `{"site": "paris"}`. At most 32; keys and values are 1 to 63 of letters, digits, `-`,
 * `_` and `.`, a letter or digit at both ends.
 */
export const Labels = z
  .record(z.string().regex(LABEL_KEY), z.string().regex(LABEL_VALUE))
  .refine((labels) => Object.keys(labels).length <= LABELS_LIMIT, `a device has at most ${LABELS_LIMIT} labels`);
export type Labels = z.infer<typeof Labels>;

const RULE = '1 to 63 of letters, digits, "-", "_" and ".", with a letter or digit at both ends';

/** Of words that are each KEY=VALUE. */
export function labelsIn(words: readonly string[]): { readonly labels: Labels } | { readonly message: string } {
  const labels = new Map<string, string>();
  for (const word of words) {
    const at = word.indexOf("=");
    if (at === -1) return { message: `a label is KEY=VALUE, such as site=paris, and not ${JSON.stringify(word)}` };
    const key = word.slice(0, at);
    const value = word.slice(at + 1);
    if (!LABEL_KEY.test(key)) return { message: `${JSON.stringify(key)} is no key of a label: that is ${RULE}` };
    if (!LABEL_VALUE.test(value)) {
      return { message: `${JSON.stringify(value)} is no value of the label "${key}": that is ${RULE}` };
    }
    const other = labels.get(key);
    if (other !== undefined && other !== value) {
      return { message: `the label "${key}" has one value, and not both "${other}" and "${value}"` };
    }
    labels.set(key, value);
  }
  if (labels.size > LABELS_LIMIT) {
    return { message: `a device has at most ${LABELS_LIMIT} labels, and not ${labels.size}` };
  }
  return { labels: Object.fromEntries([...labels].toSorted(([a], [b]) => (a < b ? -1 : 1))) };
}
