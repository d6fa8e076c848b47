import * as z from "zod";
import type { Io } from "./io.ts";
import { escaped, type Paint, paint, visible } from "./paint.ts";

/** The flags that every command takes, before or after its name. */
const Flags = z.object({
  server: z.string().optional(),
  creds: z.string().optional(),
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
  /** As given, or from the environment. */
  readonly server: string;
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

export function openSession(io: Io, given: unknown): Session {
  const flags = Flags.parse(given);
  const coloured = flags.color && (io.env["NO_COLOR"] ?? "") === "" && io.env["TERM"] !== "dumb";
  const paintErr = paint(coloured && io.errIsTerminal);
  const say = (line: string): void => io.err(`${line}\n`);
  return {
    io,
    json: flags.json,
    jsonLines: false,
    server: firstSet(flags.server, io.env["HARMONY_SERVER"]) ?? DEFAULT_SERVER,
    creds: firstSet(flags.creds, io.env["HARMONY_CREDS"]) ?? null,
    paintOut: paint(coloured && io.outIsTerminal),
    paintErr,
    say,
    complain(sentence, next) {
      say(`${paintErr.red("error:")} ${visible(sentence)}`);
      if (next !== undefined) say(`  ${visible(next)}`);
    },
  };
}

/** An empty variable counts as none, as in every shell. */
const firstSet = (...values: readonly (string | undefined)[]): string | undefined =>
  values.find((value) => value !== undefined && value !== "");

/** Writes one document to standard output. */
export const printJson = ({ io, jsonLines }: Session, document: unknown): void =>
  io.out(`${escaped(jsonLines ? JSON.stringify(document) : JSON.stringify(document, null, 2))}\n`);
