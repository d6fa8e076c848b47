import * as z from "zod";
import { RollbackOnFailure } from "../topology/rollback.ts";
import { Message, Signature, WireScore } from "./envelope.ts";
import { AgentId } from "./keys.ts";

/** A roll-out's id, which is its key in the bucket `rollouts`. */
export const RolloutId = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'a roll-out\'s id is 1 to 63 of a-z, 0-9 and "-", such as r-20260102-0304-5f6a')
  .brand<"RolloutId">();
export type RolloutId = z.infer<typeof RolloutId>;

/** The most devices of one roll-out: how each of them stands fits into one message of 1 MiB. */
export const ROLLOUT_DEVICES_LIMIT = 2000;

/** What one device is to be; the same text for all devices that are to be the same. */
export const StoredManifest = z.strictObject({
  scores: z.record(z.string(), WireScore),
  rollbackOnFailure: RollbackOnFailure.exactOptional(),
});
export type StoredManifest = z.infer<typeof StoredManifest>;

/**
 * `Pending`: not begun. `Applying`: shipped, or about to be. `Ready`: all its Scores were Ready, for as long as its wave was
 * watched. `Failed`: see its message.
 */
export const RolloutDevice = z.object({
  state: z.enum(["Pending", "Applying", "Ready", "Failed"]),
  /** Which of the roll-out's manifests it is to get, from 0. */
  manifest: z.int().min(0),
  /** Of what was shipped; null before. */
  generation: z.int().nullable(),
  /** Why it failed, in one sentence; else null. */
  message: z.string().nullable(),
  /** When it came into this state; null while it is Pending. */
  at: z.iso.datetime().nullable(),
});
export type RolloutDevice = z.infer<typeof RolloutDevice>;

/** Why a roll-out does not go on. */
export const RolloutStop = z.object({
  reason: z.enum(["TooManyFailures", "Asked", "Interrupted", "Unreachable"]),
  message: z.string(),
});
export type RolloutStop = z.infer<typeof RolloutStop>;

/** The value of a key in the bucket `rollouts`: all that there is to know of one roll-out, written by compare-and-set. */
export const Rollout = z.object({
  id: RolloutId,
  createdAt: z.iso.datetime(),
  /** The file that it was made of, by its name, and a hash of all the manifests that came of it. */
  source: z.object({ file: z.string(), digest: z.string() }),
  selector: z.string(),
  /** Why, in one line; what is shipped says it too. */
  message: Message.exactOptional(),
  /** How many devices are worked on at once. */
  concurrency: z.int().min(1),
  /** It stops when more have failed. */
  maxFailures: z.int().min(0),
  /** How long all devices of a wave have to stay Ready before the next one begins, in milliseconds. */
  soakMs: z.int().min(0),
  /** How long one device may take, in milliseconds. */
  timeoutMs: z.int().min(1),
  waves: z.array(z.array(AgentId)),
  /** Which wave is under way, from 0; as many as there are waves once it is done. */
  wave: z.int().min(0),
  state: z.enum(["Running", "Stopped", "Done"]),
  /** Only of one that is Stopped. */
  stop: RolloutStop.nullable(),
  /** Somebody wants it to stop; whoever runs it sees to that. */
  stopAsked: z.boolean(),
  /**
   * Where each {@link StoredManifest} lies among the assets, and what it is enciphered with (base64): every agent can read all
   * assets, and none of them can read this.
   */
  manifests: z.array(
    z.object({
      asset: z.string().regex(/^[0-9a-f]{64}$/),
      /** Of the text itself, which nobody can change without its being seen. */
      sha256: z.string().regex(/^[0-9a-f]{64}$/),
      key: z.base64().regex(/^.{43}=$/),
    }),
  ),
  /** By those who began it, over what is to be shipped to whom: they sign nothing else of it when they go on with it. */
  signatures: z.array(Signature).max(16),
  devices: z.record(z.string(), RolloutDevice),
  /** Who runs it; null: nobody does. `at` is written anew while it runs. */
  lease: z.object({ token: z.string(), holder: z.string(), at: z.iso.datetime() }).nullable(),
});
export type Rollout = z.infer<typeof Rollout>;

/**
 * What is shipped to whom, as one text that authors sign. Whoever has the server could else have them sign what they never saw.
 * No agent takes it for a manifest: it names no agent, and has no generation.
 */
export const rolloutText = ({
  id,
  message = null,
  manifests,
  devices,
}: Omit<Pick<Rollout, "id" | "manifests" | "devices">, "message"> & { readonly message?: string | null }): string =>
  JSON.stringify({
    rollout: id,
    message,
    manifests: manifests.map(({ sha256 }) => sha256),
    devices: Object.entries(devices)
      .map(([agentId, { manifest }]) => [agentId, manifest] as const)
      .toSorted(([a], [b]) => (a < b ? -1 : 1)),
  });
