/** Builds what is sent to an agent as plain data, without the encoder: also what the encoder would never send. */

export const AGENT = "pi-7";
export const ISSUED_AT = "2026-11-23T08:00:00.000Z";

export const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

type Fields = Readonly<Record<string, unknown>>;

export const wireScore = (kind: string, requires: readonly string[], json: unknown, rest: Fields = {}): Fields => ({
  kind,
  version: 1,
  requires,
  after: [],
  restartOn: [],
  spec: { json },
  ...rest,
});

/** A File, correct in all but what `rest` replaces. */
export const file = (path: string, rest: Fields = {}): Fields =>
  wireScore("File", ["FileSystemHost"], { path, content: "" }, rest);

export const fileWithSpec = (spec: Fields): Fields => file("", { spec });

/** A payload, correct in all but what `rest` replaces. */
export const payloadText = (scores: unknown, rest: Fields = {}): string =>
  JSON.stringify({ agentId: AGENT, generation: 1, issuedAt: ISSUED_AT, scores, ...rest });

export const envelopeText = (payload: string, signatures: readonly unknown[] = [], rest: Fields = {}): string =>
  JSON.stringify({ wire: 1, payload, signatures, ...rest });

export const envelopeBytes = (payload: string, signatures: readonly unknown[] = [], rest: Fields = {}): Uint8Array =>
  bytesOf(envelopeText(payload, signatures, rest));
