import {
  CAPABILITIES,
  type Case,
  type Entry,
  flat,
  isOwn,
  OWN_KINDS,
  type OwnKind,
  type Place,
  type ScoreEntry,
  specOf,
} from "./case.ts";

/**
 * Cases as an author would write them. The very same text is compiled for the compiler's verdict, and run for the others':
 * each case a function, since a manifest that cannot be made throws.
 */
export interface Source {
  readonly text: string;
  /** The case and the id that a line is about; undefined for a line that none of them wrote. Counts from 1. */
  about(line: number): { readonly at: number; readonly id: string } | undefined;
}

export function sourceOf(cases: readonly Case[]): Source {
  const kinds = new Named("Kind");
  const scores = new Named("score");
  const places = new Named("Place");
  const body: string[] = [];
  const about = new Map<number, { readonly at: number; readonly id: string }>();
  for (const [at, { own, entries, place }] of cases.entries()) {
    const classOf = (kind: string): string => (isOwn(kind) ? kinds.of(classText(kind, own[kind])) : `${kind}Score`);
    const scoreText = (entry: ScoreEntry): string => {
      const text = `new ${classOf(entry.kind)}(${literal(specOf(entry))})`;
      return entry.wrong === undefined ? scores.of(text) : text;
    };
    body.push(`export const made${at} = () => manifest(${places.of(placeText(place))}, {`);
    for (const [id, entry] of Object.entries(entries)) {
      about.set(body.push(`  ${JSON.stringify(id)}: ${entryText(entry, scoreText)},`), { at, id });
    }
    const used = new Set(flat(entries).map(([, { kind }]) => kind));
    const classes = OWN_KINDS.filter((kind) => used.has(kind)).map(classOf);
    body.push("});", `export const own${at} = [${classes.join(", ")}];`);
  }
  const classes = new Set([...scores.lines, ...body].join("\n").match(/(?<=new )\w+Score\b/g));
  const head = [
    `import { ${[...CAPABILITIES, ...classes, "compose", "manifest", "Score", "topology", "without"].join(", ")} } from "harmony-edge";`,
    'import * as z from "zod";',
    ...places.lines,
    ...kinds.lines,
    ...scores.lines,
  ];
  return { text: `${[...head, ...body].join("\n")}\n`, about: (line) => about.get(line - head.length) };
}

/** Each text once, under a name. */
class Named {
  readonly #prefix: string;
  readonly #names = new Map<string, string>();
  constructor(prefix: string) {
    this.#prefix = prefix;
  }
  of(text: string): string {
    const name = this.#names.get(text) ?? `${this.#prefix}${this.#names.size}`;
    this.#names.set(text, name);
    return name;
  }
  get lines(): readonly string[] {
    return [...this.#names].map(([text, name]) => `const ${name} = ${text};`);
  }
}

const placeText = ({ name, offers, absent }: Place): string => {
  const whole = `topology(${JSON.stringify(name)}, [${offers.join(", ")}])`;
  return Object.keys(absent).length === 0 ? whole : `without(${whole}, ${JSON.stringify(absent)})`;
};

/** Without a word more than the gates need of it. */
const classText = (kind: string, { version, requires, tellsReach }: OwnKind): string =>
  [
    `class extends Score("${kind}", { version: ${version}, requires: [${requires.join(", ")}],`,
    "spec: z.strictObject({ name: z.string() }), observed: z.object({}), step: z.object({}) }, {",
    `identity: ({ name }) => \`${kind}:\${name}\`, observe: () => ({}), plan: () => [], retire: () => [], apply: () => {},`,
    tellsReach ? 'reach: ({ name }) => [{ _tag: "path", path: `/own/${name}` }],' : "",
    "}) {}",
  ].join(" ");

const entryText = (entry: Entry, scoreText: (entry: ScoreEntry) => string): string =>
  "parts" in entry
    ? `compose("Group", { ${Object.entries(entry.parts)
        .map(([id, part]) => `${id}: ${entryText(part, scoreText)}`)
        .join(", ")} })`
    : scoreText(entry);

/** JSON, but for dates, which some specs have. */
function literal(value: unknown): string {
  if (value instanceof Date) return `new Date("${value.toISOString()}")`;
  if (Array.isArray(value)) return `[${value.map(literal).join(", ")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const fields = Object.entries(value).filter(([, each]) => each !== undefined);
  return `{ ${fields.map(([name, each]) => `${JSON.stringify(name)}: ${literal(each)}`).join(", ")} }`;
}
