/** Bounds of a JSON text. */
export interface JsonLimits {
  /** Arrays and objects within each other. */
  readonly depth: number;
  /** Values of all sorts, each array and object counted once more. */
  readonly values: number;
}

const [QUOTE, BACKSLASH, COMMA] = [0x22, 0x5c, 0x2c];
const [OPEN_ARRAY, CLOSE_ARRAY, OPEN_OBJECT, CLOSE_OBJECT] = [0x5b, 0x5d, 0x7b, 0x7d];

/**
 * Bounds JSON by its bytes, before JSON.parse gets to see it: that would make 100 MB of 4 MiB of `[],`. Returns what is
 * wrong as a sentence, or null. Says nothing of text that is no JSON at all.
 */
export function measure(bytes: Uint8Array, limits: JsonLimits): string | null {
  let depth = 0;
  let values = 1;
  let inString = false;
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at];
    if (inString) {
      if (byte === BACKSLASH) at += 1;
      else if (byte === QUOTE) inString = false;
      continue;
    }
    if (byte === QUOTE) inString = true;
    else if (byte === OPEN_ARRAY || byte === OPEN_OBJECT) {
      depth += 1;
      values += 1;
    } else if (byte === CLOSE_ARRAY || byte === CLOSE_OBJECT) depth -= 1;
    else if (byte === COMMA) values += 1;
    if (depth > limits.depth) return `nested deeper than ${limits.depth}`;
    if (values > limits.values) return `more than ${limits.values} values`;
  }
  return null;
}

const FORBIDDEN: ReadonlySet<string> = new Set(["__proto__", "constructor", "prototype"]);

/**
 * Looks for keys that could reach into a prototype, before anything that copies gets to see the value. Does not recurse.
 * Returns what is wrong as a sentence, or null.
 */
export function scan(parsed: unknown): string | null {
  const open: unknown[] = [parsed];
  for (let each = open.pop(); each !== undefined; each = open.pop()) {
    if (typeof each !== "object" || each === null) continue;
    const keys = Array.isArray(each) ? [] : Object.keys(each);
    const forbidden = keys.find((key) => FORBIDDEN.has(key));
    if (forbidden !== undefined) return `the key "${forbidden}" is forbidden`;
    for (const inner of Object.values(each)) if (typeof inner === "object") open.push(inner);
  }
  return null;
}
