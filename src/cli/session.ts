import * as z from "zod";
import { type Context, readContexts } from "./contexts.ts";
import type { Io } from "./io.ts";
import { escaped, type Paint, paint, visible } from "./paint.ts";

/** The flags that every command takes, before or after its name. */
const Flags = z.object({
  server: z.string().optional(),
  creds: z.string().optional(),
  context: z.string().optional(),
  json: z.boolean().default(false),
  color: z.boolean().default(true),
});

export const DEFAULT_SERVER = "nats://127.0.0.1:4222";

/** One run of one command. */
export interface Session {
  readonly io: Io;
  readonly json: boolean;
  /** Documents follow one another, so each is written on one line. */
  readonly jsonLines: boolean;
  /** The name of the context that server or credentials come from; null: of none. */
  readonly context: string | null;
  /** As given, from the environment, or of the context in use. */
  readonly server: string;
  /** The same where a flag or the environment says so; undefined: neither does. */
  readonly named: { readonly server: string | undefined; readonly creds: string | undefined };
  /** The path of the credentials; null: none. */
  readonly creds: string | null;
  /** For what goes to `io.out`. */
  readonly paintOut: Paint;
  /** For what goes to `io.err`. */
  readonly paintErr: Paint;
  /** Writes a line to `io.err`. */
  readonly say: (line: string) => void;
  /** Writes an error to `io.err`, and what to do about it. */
  readonly complain: (sentence: string, next?: string) => void;
}

/** Wrong usage, before there is a session to tell it in. */
export class NoSession extends Error {}

/** @throws {NoSession} where a context is named that is not there. */
export function openSession(io: Io, given: unknown): Session {
  const flags = Flags.parse(given);
  const { name, context } = contextOf(io, flags.context);
  const named = {
    server: firstSet(flags.server, io.env["HARMONY_SERVER"]),
    creds: firstSet(flags.creds, io.env["HARMONY_CREDS"]),
  };
  const coloured = flags.color && (io.env["NO_COLOR"] ?? "") === "" && io.env["TERM"] !== "dumb";
  const paintErr = paint(coloured && io.errIsTerminal);
  const say = (line: string): void => io.err(`${line}\n`);
  return {
    io,
    json: flags.json,
    jsonLines: false,
    context: name,
    named,
    server: named.server ?? context?.server ?? DEFAULT_SERVER,
    // Those of a context are for its own server, and go to no other.
    creds: named.creds ?? (named.server === undefined ? context?.creds : undefined) ?? null,
    paintOut: paint(coloured && io.outIsTerminal),
    paintErr,
    say,
    complain(sentence, next) {
      say(`${paintErr.red("error:")} ${visible(sentence)}`);
      if (next !== undefined) say(`  ${visible(next)}`);
    },
  };
}

/** Where none is named and the file cannot be read there is none: only the commands about contexts need it. */
function contextOf(
  io: Io,
  flag: string | undefined,
): { readonly name: string | null; readonly context: Context | null } {
  const named = firstSet(flag, io.env["HARMONY_CONTEXT"]);
  const known = readContexts(io);
  if ("problem" in known) {
    if (named !== undefined) throw new NoSession(known.problem);
    return { name: null, context: null };
  }
  const name = named ?? known.current;
  const context = name === null || !Object.hasOwn(known.contexts, name) ? undefined : known.contexts[name];
  if (named !== undefined && context === undefined) {
    throw new NoSession(`there is no context "${named}"; harmony context list shows those that there are`);
  }
  return { name: context === undefined ? null : name, context: context ?? null };
}

/** An empty variable counts as none, as in every shell. */
const firstSet = (...values: readonly (string | undefined)[]): string | undefined =>
  values.find((value) => value !== undefined && value !== "");

/** Writes one document to standard output. */
export const printJson = ({ io, jsonLines }: Session, document: unknown): void =>
  io.out(`${escaped(jsonLines ? JSON.stringify(document) : JSON.stringify(document, null, 2))}\n`);
