import * as z from "zod";
import { AgentId } from "../wire/keys.ts";
import type { TrustedKeys } from "../wire/signature.ts";
import type { Disk } from "./disk.ts";

const MARK = "generation.json";
const Mark = z.object({ agentId: AgentId, highest: z.int().min(0) });
type Mark = z.infer<typeof Mark>;

/**
 * The highest generation that an agent has ever accepted on this device, beside the manifest: where that cannot be read any
 * more, an older one is still no use to anybody. It is written before the manifest, since the same number may come again, and no
 * lower one.
 */
export class GenerationMark {
  readonly #disk: Disk;
  #mark: Mark | null;
  #saved: Mark | null;

  private constructor(disk: Disk, mark: Mark | null) {
    this.#disk = disk;
    this.#mark = mark;
    this.#saved = mark;
  }

  /** One that cannot be read tells of none. */
  static async open(disk: Disk): Promise<GenerationMark> {
    const bytes = await disk.read(MARK);
    try {
      return new GenerationMark(disk, bytes && Mark.parse(JSON.parse(Buffer.from(bytes).toString())));
    } catch {
      return new GenerationMark(disk, null);
    }
  }

  /** 0: none is known. A card that was copied holds another agent's, which says nothing. */
  highestOf(agentId: AgentId): number {
    return this.#mark?.agentId === agentId ? this.#mark.highest : 0;
  }

  raise(agentId: AgentId, generation: number): void {
    if (generation > this.highestOf(agentId)) this.#mark = { agentId, highest: generation };
  }

  /** Writes nothing where it is on disk already. Rejects with a PortError. */
  async save(): Promise<void> {
    const mark = this.#mark;
    if (mark === this.#saved) return;
    await this.#disk.replace(MARK, Buffer.from(JSON.stringify(mark)));
    this.#saved = mark;
  }
}

interface Remembering {
  readonly agentId: AgentId;
  readonly ledger: { highestOf(agentId: AgentId): number };
  readonly trustedKeys: TrustedKeys;
  readonly authors?: (() => unknown) | undefined;
  readonly pair?: unknown;
}

/**
 * Below that number nothing is taken. `told`: by the agent's own status on the server, which others may write where signatures
 * are asked for; there the device's own memory comes first. But a member of a pair has not seen all.
 */
export function floorOf({ agentId, ledger, trustedKeys, authors, pair }: Remembering, told: number): number {
  const own = ledger.highestOf(agentId);
  const isAsked = trustedKeys.size > 0 || authors !== undefined;
  return isAsked && own > 0 && pair === undefined ? own : Math.max(own, told);
}
