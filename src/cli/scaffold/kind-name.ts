import { KINDS } from "../../scores/index.ts";

export interface KindName {
  readonly _tag: "Name";
  /** What travels, such as `DoorSign`. */
  readonly name: string;
  /** Of its class: `DoorSignScore`. */
  readonly className: string;
  /** Of its file, without the ending: `door-sign`. */
  readonly file: string;
}

export interface NoKindName {
  readonly _tag: "NotPascalCase" | "TooLong" | "EndsWithScore" | "BuiltIn";
  readonly message: string;
  readonly next: string;
}

/** So that no line of what is written gets too long. The wire would take 64. */
const LONGEST = 40;

/** Reads the name of a new kind. */
export function kindName(text: string): KindName | NoKindName {
  const likely = pascalCase(text);
  const isOne = likely !== text && kindName(likely)._tag === "Name";
  const suggested = isOne ? `Did you mean ${likely}?` : "A name such as DoorSign will do.";
  if (!/^[A-Z][A-Za-z0-9]*$/.test(text)) {
    const message = `"${text}" is no name of a kind: these are PascalCase, of A-Z, a-z and 0-9`;
    return { _tag: "NotPascalCase", message, next: suggested };
  }
  if (text.endsWith("Score")) {
    const message = `a kind is named without "Score", which its class has besides`;
    return { _tag: "EndsWithScore", message, next: suggested };
  }
  if (text.length > LONGEST) {
    const message = `a name has at most ${LONGEST} characters, and this one has ${text.length}`;
    return { _tag: "TooLong", message, next: "Take a shorter one." };
  }
  // In another case it would only be taken for it.
  const builtIn = KINDS.find(({ kind }) => kind.toLowerCase() === text.toLowerCase());
  if (builtIn !== undefined) {
    const message = `${builtIn.kind} is a kind that Harmony brings along`;
    return { _tag: "BuiltIn", message, next: `harmony kinds ${builtIn.kind} shows it. Take another name for yours.` };
  }
  return { _tag: "Name", name: text, className: `${text}Score`, file: kebabCase(text) };
}

/** What was probably meant: `door-sign` and `DoorSignScore` are DoorSign. */
const pascalCase = (text: string): string =>
  text
    .normalize("NFD")
    .replaceAll(/\p{M}/gu, "")
    .split(/[^A-Za-z0-9]+/)
    .map((part) => part.charAt(0).toUpperCase() + part.slice(1))
    .join("")
    .replace(/(Score)+$/, "");

/** `HTTPProbe2` is http-probe2. */
const kebabCase = (name: string): string =>
  name
    .replace(/([a-z0-9])([A-Z])/g, "$1-$2")
    .replace(/([A-Z])([A-Z][a-z])/g, "$1-$2")
    .toLowerCase();
