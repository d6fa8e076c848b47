import type { EventFinding, ToldEvent } from "../fleet/index.ts";
import { eventText } from "../wire/event-text.ts";
import type { EventType } from "../wire/events.ts";
import { type Paint, printable } from "./paint.ts";

/** Somebody should look at these. */
const GRAVE: ReadonlySet<EventType> = new Set(["ManifestRefused", "Fenced", "LeftOut", "RecordDamaged"]);

/** One event on one line. */
export function eventLine({ head, record }: ToldEvent, paint: Paint): string {
  const { at, agentId, sequence, type } = head;
  const isGrave = record !== null && GRAVE.has(record.type);
  const said = record === null ? "(of a newer version: see it with --json)" : eventText(record);
  const name = printable(type).padEnd(16);
  const columns = [
    paint.dim(at),
    printable(agentId),
    paint.dim(String(sequence).padStart(5)),
    isGrave ? paint.yellow(name) : name,
    printable(said),
  ];
  return `${columns.join("  ")}\n`;
}

export const findingLine = ({ agentId, message }: EventFinding): string =>
  `${agentId === "*" ? "" : `${agentId}: `}${message}`;
