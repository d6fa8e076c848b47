import * as z from "zod";
import { PortError } from "../../capabilities/port-error.ts";
import { type Libpod, refused } from "./libpod.ts";
import { safeParse } from "../../wire/safe-parse.ts";

const Secrets = z.array(
  z.object({ Spec: z.object({ Name: z.string(), Labels: z.record(z.string(), z.string()).nullish() }) }),
);
/** Of the container that a secret was made for. */
const LABEL = "io.harmony-edge.container";

export interface KnownSecret {
  readonly name: string;
  /** The container that Harmony made it for; null on one that is somebody else's. */
  readonly madeFor: string | null;
}

/** All secrets; their values are never asked for. */
export async function listSecrets(podman: Libpod, signal: AbortSignal): Promise<readonly KnownSecret[]> {
  const answer = await podman.call("GET", "/secrets/json", "Listing the secrets", signal);
  const { success, data } = safeParse(Secrets, answer.body);
  if (!success) throw refused("Listing the secrets", answer);
  return data.map(({ Spec: { Name: name, Labels } }) => ({ name, madeFor: Labels?.[LABEL] ?? null }));
}

export async function makeSecret(
  podman: Libpod,
  container: string,
  name: string,
  bytes: Uint8Array,
  signal: AbortSignal,
): Promise<void> {
  const there = (await listSecrets(podman, signal)).find((each) => each.name === name);
  // What it is named says what is in it.
  if (there?.madeFor === container) return;
  if (there !== undefined) {
    throw new PortError({
      code: "Obstructed",
      blame: "device",
      message: `Podman has a secret ${name} that is not Harmony's.`,
      next: `Take it away: podman secret rm ${name}.`,
    });
  }
  const doing = `Making the secret ${name}`;
  const query = new URLSearchParams({ name, labels: JSON.stringify({ [LABEL]: container }) });
  const answer = await podman.call("POST", `/secrets/create?${query.toString()}`, doing, signal, bytes);
  if (answer.status >= 300) throw refused(doing, answer);
  const made = (await listSecrets(podman, signal)).find((each) => each.name === name);
  if (made?.madeFor === container) return;
  throw refused(doing, { status: answer.status, body: { message: "it is not there afterwards, or has no label" } });
}

export async function removeSecret(
  podman: Libpod,
  container: string,
  name: string,
  signal: AbortSignal,
): Promise<void> {
  const there = (await listSecrets(podman, signal)).find((each) => each.name === name);
  if (there?.madeFor !== container) return;
  const doing = `Removing the secret ${name}`;
  const answer = await podman.call("DELETE", `/secrets/${encodeURIComponent(name)}`, doing, signal);
  if (answer.status >= 300 && answer.status !== 404) throw refused(doing, answer);
}
