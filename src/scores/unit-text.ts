/** How unit files are written. Pure; what these functions make, systemd reads back as what they were given. */

/** One line of a section. A directive that is given several times has several lines. */
export type Directive = readonly [name: string, value: string];
export type Section = readonly [name: string, directives: readonly Directive[]];

/**
 * What no value can hold: NUL and line feed end a value in a unit file, half of a surrogate pair has no UTF-8, and what
 * Unicode calls no character (U+FFFE, U+10FFFF) systemd calls unclean and ignores. Specs refuse it, so that nothing is ever
 * dropped silently.
 */
export const isWritable = (value: string): boolean => !/[\0\n]|\p{Surrogate}|\p{Noncharacter_Code_Point}/u.test(value);

/** The whole text. A section without directives is left out. */
export const unitText = (sections: readonly Section[]): string =>
  sections
    .filter(([, directives]) => directives.length > 0)
    .map(([name, directives]) => `[${name}]\n${directives.map(([key, value]) => `${key}=${value}\n`).join("")}`)
    .join("\n");

/** One argument of a command line: nothing in it is a specifier, a variable or a separator. */
export const argument = (value: string): string => `"${escaped(value).replaceAll("$", () => "$$")}"`;

/** One assignment of `Environment=`, where `$` has no meaning. */
export const assignment = (name: string, value: string): string => `"${escaped(`${name}=${value}`)}"`;

/** Text that is taken as it is, but for specifiers: a description, a path. */
export const plain = (value: string): string => value.replaceAll("%", "%%");

/** One of several paths on a line. */
export const quotedPath = (value: string): string => `"${escaped(value)}"`;

const escaped = (value: string): string =>
  value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("%", "%%").replaceAll(CONTROL, escapedControl);

// oxlint-disable-next-line no-control-regex
const CONTROL = /[\x01-\x1f\x7f]/g;

const escapedControl = (control: string): string => {
  if (control === "\t") return String.raw`\t`;
  if (control === "\r") return String.raw`\r`;
  return String.raw`\x${(control.codePointAt(0) ?? 0).toString(16).padStart(2, "0")}`;
};
