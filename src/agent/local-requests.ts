import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { match } from "ts-pattern";
import * as z from "zod";
import { inlineEnvelope } from "../wire/encode.ts";
import { sign } from "../wire/signature.ts";
import type { AgentStatus } from "../wire/status.ts";
import type { AgentId } from "../wire/keys.ts";
import type { Disk } from "./disk.ts";
import type { Reading } from "./status-document.ts";

/** What is asked of a running agent on its own device, by whoever may open its state directory. */
export const LocalRequest = z.discriminatedUnion("ask", [
  /** `bundle`: the text of a signed manifest. */
  z.strictObject({ ask: z.literal("take"), bundle: z.string() }),
  z.strictObject({ ask: z.literal("status") }),
  /** The public half of the key that signs its status. */
  z.strictObject({ ask: z.literal("key") }),
]);
export type LocalRequest = z.infer<typeof LocalRequest>;

export const LocalAnswer = z.discriminatedUnion("_tag", [
  z.strictObject({ _tag: z.literal("Taken"), agentId: z.string(), generation: z.int() }),
  z.strictObject({ _tag: z.literal("Refused"), reason: z.string(), message: z.string() }),
  /** `bundle`: the text of the signed status. */
  z.strictObject({ _tag: z.literal("Status"), bundle: z.string() }),
  /** In PEM. */
  z.strictObject({ _tag: z.literal("Key"), agentId: z.string(), publicKey: z.string() }),
  z.strictObject({ _tag: z.literal("Failed"), message: z.string() }),
]);
export type LocalAnswer = z.infer<typeof LocalAnswer>;

export interface LocalParts {
  readonly agentId: AgentId;
  readonly agent: { readonly status: AgentStatus; take(bundle: Uint8Array): Reading };
  readonly disk: Disk;
  readonly now: () => Date;
}

/** Answers what is asked on the device. Rejects only with a PortError of the state directory. */
export async function answer(request: LocalRequest, { agent, agentId, disk, now }: LocalParts): Promise<LocalAnswer> {
  return match(request)
    .returnType<Promise<LocalAnswer>>()
    .with({ ask: "take" }, async ({ bundle }) => {
      const reading = agent.take(Buffer.from(bundle));
      if (reading._tag === "Accepted") return { _tag: "Taken", agentId, generation: reading.generation };
      if (reading._tag !== "Refused") return { _tag: "Failed", message: "there is nothing to take" };
      const { reason, message } = reading.refusal;
      return { _tag: "Refused", reason, message };
    })
    .with({ ask: "status" }, async () => {
      const key = await statusKey(disk);
      const payload = JSON.stringify({ agentId, at: now().toISOString(), status: agent.status });
      return { _tag: "Status", bundle: Buffer.from(inlineEnvelope(payload, [sign(payload, agentId, key)])).toString() };
    })
    .with({ ask: "key" }, async () => {
      const publicKey = createPublicKey(await statusKey(disk));
      return { _tag: "Key", agentId, publicKey: publicKey.export({ type: "spki", format: "pem" }).toString() };
    })
    .exhaustive();
}

const KEY = "status-key.pem";

/**
 * The device's own key for what is carried away from it, made when it is first asked for. It is not the key of its connection:
 * that one signs whatever a server asks it to. One that cannot be read is not made anew, since nobody would know the new one.
 */
async function statusKey(disk: Disk): Promise<KeyObject> {
  const bytes = await disk.read(KEY);
  if (bytes !== null) return createPrivateKey(Buffer.from(bytes));
  const { privateKey } = generateKeyPairSync("ed25519");
  await disk.replace(KEY, Buffer.from(privateKey.export({ type: "pkcs8", format: "pem" })));
  return privateKey;
}
