import type { VersionCondition } from "../capabilities/package-manager.ts";

/**
 * Compares two versions as dpkg does: the epoch as a number, then the upstream version and the revision each as turns of
 * text and number, where `~` comes before everything, even the end, and letters before other characters.
 *
 * @returns negative where `a` is older, 0 where they are the same to dpkg, positive where it is newer
 */
export function compareVersions(a: string, b: string): number {
  const [one, other] = [partsOf(a), partsOf(b)];
  return (
    compareNumbers(one.epoch, other.epoch) ||
    compareParts(one.upstream, other.upstream) ||
    compareParts(one.revision, other.revision)
  );
}

/** Whether a version meets all the conditions. */
export const meets = (version: string, conditions: readonly VersionCondition[]): boolean =>
  conditions.every(({ relation, version: bound }) => {
    const order = compareVersions(version, bound);
    if (relation === "=") return order === 0;
    if (relation === ">=") return order >= 0;
    if (relation === "<=") return order <= 0;
    return relation === ">>" ? order > 0 : order < 0;
  });

/** Reads `>= 1.2, << 2`, or `1.2-3` for just that one; what is no relation is part of the version. */
export const conditionsOf = (text: string): readonly VersionCondition[] =>
  text.split(",").map((each) => {
    const [, sign, version = ""] = /^\s*(>=|<=|>>|<<|=)?\s*(.*?)\s*$/s.exec(each) ?? [];
    return { relation: RELATIONS.find((relation) => relation === sign) ?? "=", version };
  });

const RELATIONS = ["=", ">=", "<=", ">>", "<<"] as const;

function partsOf(version: string): { readonly epoch: string; readonly upstream: string; readonly revision: string } {
  const colon = version.indexOf(":");
  const rest = version.slice(colon + 1);
  const dash = rest.lastIndexOf("-");
  return {
    epoch: colon === -1 ? "0" : version.slice(0, colon),
    upstream: dash === -1 ? rest : rest.slice(0, dash),
    revision: dash === -1 ? "" : rest.slice(dash + 1),
  };
}

function compareParts(a: string, b: string): number {
  const [one, other] = [turnsOf(a), turnsOf(b)];
  for (let at = 0; at < Math.max(one.length, other.length); at += 1) {
    const isNumber = at % 2 === 1;
    const order = isNumber
      ? compareNumbers(one[at] ?? "", other[at] ?? "")
      : compareText(one[at] ?? "", other[at] ?? "");
    if (order !== 0) return order;
  }
  return 0;
}

/** Text and number by turns, beginning with a text, which may be empty. */
const turnsOf = (part: string): readonly string[] => part.split(/(\d+)/);

/** By length first, without leading zeros, since a number may be longer than any type. */
function compareNumbers(a: string, b: string): number {
  const [one, other] = [a.replace(/^0+/, ""), b.replace(/^0+/, "")];
  return one.length - other.length || (one === other ? 0 : one < other ? -1 : 1);
}

function compareText(a: string, b: string): number {
  for (let at = 0; at < Math.max(a.length, b.length); at += 1) {
    const order = weightOf(a[at]) - weightOf(b[at]);
    if (order !== 0) return order;
  }
  return 0;
}

function weightOf(character: string | undefined): number {
  if (character === undefined) return 0;
  if (character === "~") return -1;
  const code = character.charCodeAt(0);
  return /[A-Za-z]/.test(character) ? code : code + 256;
}
