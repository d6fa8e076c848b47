/** What devices are called beside their ids, for selectors to go by: `{ site: "paris", role: "kiosk" }`. */
export type LabelMap = Readonly<Record<string, string>>;

/** A label's key: 1 to 63 of letters, digits, `-`, `_` and `.`, a letter or digit at both ends. */
export const LABEL_KEY = /^(?!(?:constructor|prototype)$)[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/;
/** A label's value: of the same letters, and as long. */
export const LABEL_VALUE = /^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/;

/** One condition on the labels of a device, as Kubernetes has them: `NotIn` also holds for a device without that key. */
export type Requirement =
  | { readonly _tag: "In" | "NotIn"; readonly key: string; readonly values: readonly string[] }
  | { readonly _tag: "Exists" | "DoesNotExist"; readonly key: string };

/** All of its requirements have to hold; one without any is every device. */
export interface Selector {
  readonly requirements: readonly Requirement[];
}

export type ParsedSelector =
  | { readonly _tag: "Selector"; readonly selector: Selector }
  /** `column`: where in the text it cannot be read on, from 1. */
  | { readonly _tag: "Refused"; readonly column: number; readonly message: string };

/** The most characters of one selector. */
export const SELECTOR_LIMIT = 2000;

const KEY_RULE = 'a key is 1 to 63 of letters, digits, "-", "_" and ".", with a letter or digit at both ends';
const VALUE_RULE = 'a value is 1 to 63 of letters, digits, "-", "_" and ".", with a letter or digit at both ends';

/**
 * Reads `site=paris,role!=kiosk,env in (test,live),!retired`: the equality and set selectors of Kubernetes. Every device is
 * `*`, and not an empty text, which is what a variable that is not set becomes.
 */
export function parseSelector(text: string): ParsedSelector {
  if (text.length > SELECTOR_LIMIT) {
    const message = `a selector has at most ${SELECTOR_LIMIT} characters, this one has ${text.length}`;
    return { _tag: "Refused", column: SELECTOR_LIMIT + 1, message };
  }
  if (text.trim() === "*") return { _tag: "Selector", selector: { requirements: [] } };
  try {
    return { _tag: "Selector", selector: { requirements: new Reader(text).requirements() } };
  } catch (error) {
    if (!(error instanceof Unexpected)) throw error;
    return { _tag: "Refused", column: error.at + 1, message: `column ${error.at + 1}: ${error.message}` };
  }
}

/** Never leaves this file. */
class Unexpected extends Error {
  readonly at: number;
  constructor(at: number, message: string) {
    super(message);
    this.at = at;
  }
}

class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  requirements(): readonly Requirement[] {
    const found = [this.#requirement()];
    while (this.#took(",")) found.push(this.#requirement());
    if (this.#at < this.#text.length) {
      throw new Unexpected(this.#at, `expected "," or the end, found ${this.#found()}`);
    }
    return found;
  }

  #requirement(): Requirement {
    if (this.#took("!")) return { _tag: "DoesNotExist", key: this.#word(LABEL_KEY, "a key", KEY_RULE) };
    const key = this.#word(LABEL_KEY, 'a key, or "!" and a key', KEY_RULE);
    if (this.#took("!=")) return { _tag: "NotIn", key, values: [this.#value()] };
    if (this.#took("==") || this.#took("=")) return { _tag: "In", key, values: [this.#value()] };
    const start = this.#at;
    const operator = this.#peek();
    if (operator === "") return { _tag: "Exists", key };
    if (operator !== "in" && operator !== "notin") {
      throw new Unexpected(start, `expected "=", "!=", "in", "notin" or "," after "${key}", found ${this.#found()}`);
    }
    this.#at += operator.length;
    return { _tag: operator === "in" ? "In" : "NotIn", key, values: this.#list(operator) };
  }

  #list(operator: string): readonly string[] {
    this.#skip();
    if (!this.#took("(")) throw new Unexpected(this.#at, `expected "(" after "${operator}", found ${this.#found()}`);
    const values = [this.#value()];
    while (this.#took(",")) values.push(this.#value());
    if (!this.#took(")")) throw new Unexpected(this.#at, `expected "," or ")", found ${this.#found()}`);
    return [...new Set(values)].toSorted();
  }

  #value(): string {
    return this.#word(LABEL_VALUE, "a value", VALUE_RULE);
  }

  #word(pattern: RegExp, expected: string, rule: string): string {
    this.#skip();
    const word = this.#peek();
    if (word === "") throw new Unexpected(this.#at, `expected ${expected}, found ${this.#found()}`);
    if (!pattern.test(word)) throw new Unexpected(this.#at, `"${word.slice(0, 80)}" cannot stand here: ${rule}`);
    this.#at += word.length;
    this.#skip();
    return word;
  }

  /** Up to the next of what separates. */
  #peek(): string {
    return /^[^\s,=!()]*/.exec(this.#text.slice(this.#at))?.[0] ?? "";
  }

  #took(sign: string): boolean {
    this.#skip();
    if (!this.#text.startsWith(sign, this.#at)) return false;
    this.#at += sign.length;
    this.#skip();
    return true;
  }

  #skip(): void {
    while (/^\s$/.test(this.#text[this.#at] ?? "")) this.#at += 1;
  }

  #found(): string {
    return this.#at >= this.#text.length ? "the end" : JSON.stringify(this.#text[this.#at]);
  }
}

/** Whether a device with these labels is meant. */
export const matches = ({ requirements }: Selector, labels: LabelMap): boolean =>
  requirements.every((each) => {
    const value = Object.hasOwn(labels, each.key) ? labels[each.key] : undefined;
    switch (each._tag) {
      case "In":
        return value !== undefined && each.values.includes(value);
      case "NotIn":
        return value === undefined || !each.values.includes(value);
      case "Exists":
        return value !== undefined;
      case "DoesNotExist":
        return value === undefined;
    }
  });

/** As it is written, so that reading it again gives the same. */
export const selectorText = ({ requirements }: Selector): string =>
  requirements.length === 0
    ? "*"
    : requirements
        .map((each) => {
          switch (each._tag) {
            case "In":
              return each.values.length === 1 ? `${each.key}=${each.values[0]}` : `${each.key} in (${listed(each)})`;
            case "NotIn":
              return each.values.length === 1
                ? `${each.key}!=${each.values[0]}`
                : `${each.key} notin (${listed(each)})`;
            case "Exists":
              return each.key;
            case "DoesNotExist":
              return `!${each.key}`;
          }
        })
        .join(",");

const listed = ({ values }: { readonly values: readonly string[] }): string => values.join(",");
