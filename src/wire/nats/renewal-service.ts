import type { Msg } from "nats";
import { AgentId, renewSubject } from "../keys.ts";
import { dial, type DialOptions } from "./dial.ts";
import { harmless } from "./harmless.ts";
import { Link } from "./link.ts";

const PREFIX = renewSubject("*").length - 1;

/**
 * Answers what agents ask about their keys until the returned function is called. Which agent asks is told by the subject,
 * which the server grants to that one alone. A handler that throws answers nothing.
 */
export function serveRenewals(
  options: DialOptions,
  handle: (id: AgentId, request: Uint8Array) => Promise<Uint8Array>,
): () => Promise<void> {
  const link = new Link((signal) => dial(options, signal));
  const answer = async (message: Msg): Promise<void> => {
    const id = AgentId.safeParse(message.subject.slice(PREFIX));
    if (!id.success) return;
    const reply = await handle(id.data, message.data);
    harmless(() => message.respond(reply));
  };
  link.attach({ subject: renewSubject("*"), onMessage: (message) => void answer(message).catch(() => {}) });
  return () => link.close();
}
