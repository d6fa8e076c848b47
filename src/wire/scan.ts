/** Bounds of a parsed JSON value. */
export interface ScanLimits {
  readonly depth: number;
  readonly nodes: number;
}

const FORBIDDEN: ReadonlySet<string> = new Set(["__proto__", "constructor", "prototype"]);

/**
 * Walks parsed JSON without recursion, before anything that recurses or copies gets to see it. Returns what is wrong as
 * a sentence, or null.
 */
export function scan(value: unknown, { depth, nodes }: ScanLimits): string | null {
  let level: unknown[] = [value];
  let seen = 0;
  for (let deep = 0; level.length > 0; deep += 1) {
    if (deep > depth) return `nested deeper than ${depth}`;
    const next: unknown[] = [];
    for (const each of level) {
      seen += 1;
      if (seen > nodes) return `more than ${nodes} values`;
      if (typeof each !== "object" || each === null) continue;
      if (Array.isArray(each)) {
        if (seen + next.length + each.length > nodes) return `more than ${nodes} values`;
        for (const item of each) next.push(item);
        continue;
      }
      for (const key of Object.keys(each)) {
        if (FORBIDDEN.has(key)) return `the key "${key}" is forbidden`;
        next.push(Reflect.get(each, key));
      }
    }
    level = next;
  }
  return null;
}
