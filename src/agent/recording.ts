import type { Clock, Log } from "../scores/context.ts";
import type { AgentId } from "../wire/keys.ts";
import type { Disk } from "./disk.ts";
import { Courier, type CourierParts, readCursor } from "./event-courier.ts";
import { Trail } from "./trail.ts";

export interface RecordingParts {
  readonly agentId: AgentId;
  readonly bootId: string;
  readonly disk: Disk;
  readonly stream: CourierParts["stream"];
  readonly clock: Clock;
  readonly log: Log;
  readonly random: () => number;
  /** Sixteen characters of hexadecimal that no other log has. */
  readonly newLog: () => string;
}

/** What one agent puts on record, and the telling of it. */
export interface Recording {
  readonly trail: Trail;
  /** Begins to tell the server of what is on record. */
  start(): void;
  /** All that came before is on disk then, where it can be. Never rejects. */
  stop(): Promise<void>;
}

/** Rejects with a PortError where the record cannot be read. */
export async function openRecording({ agentId, bootId, ...parts }: RecordingParts): Promise<Recording> {
  const cursor = await readCursor(parts.disk);
  const trail = await Trail.open({ ...parts, about: { agentId, bootId, epoch: 0 }, told: cursor });
  const courier = new Courier({ ...parts, agentId, events: trail.events, cursor });
  return {
    trail,
    start: () => courier.start(),
    stop: async () => {
      await trail.stop();
      await courier.stop();
    },
  };
}
