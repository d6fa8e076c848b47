/** What stands in place of a secret. */
export const REDACTED = "[redacted]";

/**
 * What looks like a secret wherever it stands. Rather one word too many is taken out than one too few: what is shown is
 * the end of an output, for people to see why a job failed.
 */
const LOOKS_SECRET: readonly RegExp[] = [
  /-----BEGIN [A-Z ]*PRIVATE KEY-----[^]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g,
  /\beyJ[\w-]{8,}\.[\w-]+\.[\w-]*/g,
  /\bgh[a-z]_\w{20,}|\bgithub_pat_\w{20,}|\bglpat-[\w-]{16,}|\bxox[a-z]-[\w-]{10,}|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/g,
  // A seed of NATS.
  /\bS[UANOCX][A-Z2-7]{56}\b/g,
  // The password in a URL, and what follows a telling name up to the next space or quote.
  /(?<=\/\/[^\s/:@]{0,256}:)[^\s/@]+(?=@)/g,
  /(?<=\b(?:bearer|basic)\s{1,8})[\w.~+/=-]{8,}/gi,
  /(?<=(?<!\/)(?:passw(?:or)?d|passphrase|secret|token|api[_-]?key|private[_-]?key|credentials?)["']?\s{0,8}[:=]\s{0,8}["']?)[^\s"',;]+/gi,
];

/** A text that begins within a private key: all up to its end. */
const KEY_CUT_IN_TWO = /^(?:(?!-----BEGIN)[^])*?-----END [A-Z ]*PRIVATE KEY-----/;

/** A secret as programs write it: as it is, in a URL, in JSON, in base64 (up to where what follows it plays a part). */
function spellings(secret: string): readonly string[] {
  const bytes = Array.from(new TextEncoder().encode(secret), (byte) => String.fromCharCode(byte));
  const whole = bytes.slice(0, bytes.length - (bytes.length % 3));
  const written = [secret, encodeURIComponent(secret), JSON.stringify(secret).slice(1, -1)];
  return whole.length < 6 ? written : [...written, btoa(whole.join(""))];
}

/** How much text, in characters, must be known before a place where no part of a secret that began earlier can reach. */
export const longestSpelling = (secrets: readonly string[]): number =>
  Math.max(0, ...secrets.flatMap(spellings).map(({ length }) => length));

/**
 * Takes out the secrets, each however often and however spelt, and what looks like one.
 *
 * `from`: where the text is the end of a longer one, `longestSpelling(secrets)`. What stands before that place may be the
 * rest of a secret that was cut in two, and is left out altogether. Secrets are whole Unicode text, none of them empty.
 */
export function redact(text: string, secrets: readonly string[], from = 0): string {
  return withoutSpans(text, [...known(text, allSpellings(secrets)), ...guessed(text, from > 0)], from);
}

/** As {@link redact}, for many texts that may hold the same secrets. */
export function redactor(secrets: readonly string[]): (text: string) => string {
  const all = allSpellings(secrets);
  return (text) => withoutSpans(text, [...known(text, all), ...guessed(text, false)], 0);
}

function withoutSpans(text: string, found: readonly Span[], from: number): string {
  const spans = found.toSorted(([a], [b]) => a - b);
  let shown = "";
  let at = from;
  for (const [begin, end] of spans) {
    if (end <= at) continue;
    // One that goes on from the last is the same to the reader.
    if (begin >= at) shown += text.slice(at, begin) + REDACTED;
    at = end;
  }
  return shown + text.slice(at);
}

/** Whether one of these secrets stands in the text, however spelt. */
export const holdsAny = (text: string, secrets: readonly string[]): boolean =>
  secrets.some((secret) => secret !== "" && spellings(secret).some((spelt) => text.includes(spelt)));

type Span = readonly [begin: number, end: number];

const allSpellings = (secrets: readonly string[]): ReadonlySet<string> => new Set(secrets.flatMap(spellings));

function* known(text: string, all: ReadonlySet<string>): Iterable<Span> {
  for (const spelling of all) {
    // Also those that overlap.
    for (let at = text.indexOf(spelling); at >= 0; at = text.indexOf(spelling, at + 1)) {
      yield [at, at + spelling.length];
    }
  }
}

function* guessed(text: string, isCut: boolean): Iterable<Span> {
  const cut = isCut ? KEY_CUT_IN_TWO.exec(text) : null;
  if (cut !== null) yield [0, cut[0].length];
  for (const pattern of LOOKS_SECRET) {
    for (const { index, 0: found } of text.matchAll(pattern)) yield [index, index + found.length];
  }
}
