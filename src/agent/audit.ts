import { ChainCheck, type Entry } from "../wire/event-chain.ts";
import { eventText } from "../wire/event-text.ts";
import type { Disk } from "./disk.ts";
import { readCursor } from "./event-courier.ts";
import { EVENT_FILES, type EventFile, readEventFile } from "./event-log.ts";

/** What is wrong with a record. */
export interface AuditFinding {
  readonly file: string;
  /** Null: of a line that is no record. */
  readonly sequence: number | null;
  /** One sentence. */
  readonly message: string;
}

/** What is on record on this device, and whether it is whole. */
export interface AuditReport {
  /** Oldest first, each as it was written. */
  readonly entries: readonly Entry[];
  /** The newest record that the server has; 0: none. */
  readonly told: number;
  readonly findings: readonly AuditFinding[];
}

/** Reads and verifies the record of events, also beside a running agent. Changes nothing. Rejects with a PortError. */
export async function auditOf(disk: Pick<Disk, "read">): Promise<AuditReport> {
  const found: EventFile[] = [];
  for (const name of EVENT_FILES) {
    const file = await readEventFile(disk, name);
    if (file !== null) found.push(file);
  }
  const first = ({ entries }: EventFile): number => entries[0]?.head.sequence ?? 0;
  const files = found.toSorted((a, b) => first(a) - first(b));
  const entries = files.flatMap((file) => file.entries);
  const check = new ChainCheck();
  const findings = files.flatMap((file, at) => [
    ...file.unreadable.map((line) => ({ file: file.name, sequence: null, message: `line ${line} is no record` })),
    ...file.entries.flatMap((entry) => {
      const message = wrongWith(entry, check, entry === entries[0]);
      return message === null ? [] : [{ file: file.name, sequence: entry.head.sequence, message }];
    }),
    // At the end of all it is a line that is being written, or that a crash cut short before it counted.
    ...(file.stump !== "" && at < files.length - 1
      ? [{ file: file.name, sequence: null, message: "its last line has no end" }]
      : []),
  ]);
  const cursor = await readCursor(disk);
  return { entries, told: cursor?.log === entries.at(-1)?.head.log ? (cursor?.sequence ?? 0) : 0, findings };
}

function wrongWith(entry: Entry, check: ChainCheck, isOldest: boolean): string | null {
  const { agentId, log, sequence } = entry.head;
  const follows = check.look(entry);
  switch (follows._tag) {
    case "First":
      return isOldest ? null : `another log, ${log} of ${agentId}, begins in the middle of the record`;
    case "Next":
      return null;
    case "Again":
      return `record ${sequence} is there twice`;
    case "Gap":
      return `${follows.missing} records are missing before record ${sequence}`;
    case "Broken":
      return `the chain is broken at record ${sequence}: ${follows.message}`;
  }
}

export const auditJson = ({ entries, told, findings }: AuditReport, withRecords: boolean): object => ({
  isWhole: findings.length === 0,
  agentId: entries.at(-1)?.head.agentId ?? null,
  log: entries.at(-1)?.head.log ?? null,
  first: entries[0]?.head.sequence ?? null,
  last: entries.at(-1)?.head.sequence ?? null,
  told,
  findings,
  ...(withRecords && { records: entries.map(({ line }) => JSON.parse(line) as unknown) }),
});

/** For people. The names are others' words, so a terminal is shown no control characters of them. */
export function auditText(report: AuditReport, withRecords: boolean): string {
  const { entries, told, findings } = report;
  const [first, last] = [entries[0], entries.at(-1)];
  if (first === undefined || last === undefined) {
    return `${[...findings.map(asLine), "Nothing is on record."].join("\n")}\n`;
  }
  const records = entries.map(
    ({ head: { sequence, at, type }, record }) =>
      `${String(sequence).padStart(6)}  ${at}  ${type.padEnd(16)}  ${record === null ? "(of a newer version)" : eventText(record)}`,
  );
  const from = first.head.sequence === 1 ? "from the beginning" : "what came before has been written over";
  return `${[
    ...(withRecords ? records : []),
    ...findings.map(asLine),
    `${entries.length} records of ${last.head.agentId}, ${first.head.sequence} to ${last.head.sequence} (${from}); the server has ${told === 0 ? "none" : `up to ${told}`}.`,
    findings.length === 0 ? "The chain is whole." : "The chain is NOT whole.",
  ]
    .join("\n")
    .replaceAll(/[^\P{Cc}\n]/gu, "\ufffd")}\n`;
}

const asLine = ({ file, message }: AuditFinding): string => `${file}: ${message}`;
