import * as z from "zod";
import type { LocalContainer } from "../../capabilities/container-runtime.ts";
import { type Libpod, refused } from "./libpod.ts";
import { safeParse } from "../../wire/safe-parse.ts";

/** What podman tells of a container, as far as it is needed. */
const Inspected = z.object({
  Id: z.string(),
  Name: z.string(),
  ImageDigest: z.string().default(""),
  State: z.object({
    Running: z.boolean(),
    Health: z.object({ Status: z.string() }).nullish(),
  }),
  Config: z.object({ Labels: z.record(z.string(), z.string()).nullish() }),
  HostConfig: z.object({ NetworkMode: z.string().default("") }),
  NetworkSettings: z.object({
    Networks: z
      .record(z.string(), z.object({ IPAddress: z.string().default(""), GlobalIPv6Address: z.string().default("") }))
      .nullish(),
  }),
});
type Inspected = z.infer<typeof Inspected>;

const SPEC_LABEL = "io.harmony-edge.spec";
const Health = z.enum(["starting", "healthy", "unhealthy"]);

/** A container, and where it is reached from this host; null where it is not. */
export type Found = LocalContainer & { readonly address: string | null };

export async function findContainer(podman: Libpod, name: string, signal: AbortSignal): Promise<Found | null> {
  const doing = `Looking at the container ${name}`;
  const answer = await podman.call("GET", `/containers/${encodeURIComponent(name)}/json`, doing, signal);
  if (answer.status === 404) return null;
  const { success, data } = safeParse(Inspected, answer.body);
  if (!success) throw refused(doing, answer);
  // The beginning of another one's id is an answer too.
  if (data.Name.replace(/^\//, "") !== name) return null;
  return {
    id: data.Id,
    running: data.State.Running,
    spec: data.Config.Labels?.[SPEC_LABEL] ?? null,
    imageDigest: data.ImageDigest === "" ? null : data.ImageDigest,
    health: safeParse(Health, data.State.Health?.Status).data ?? "none",
    address: addressOf(data),
  };
}

function addressOf({ HostConfig, NetworkSettings }: Inspected): string | null {
  if (HostConfig.NetworkMode === "host") return "127.0.0.1";
  const networks = Object.values(NetworkSettings.Networks ?? {});
  const addresses = networks.flatMap(({ IPAddress, GlobalIPv6Address }) => [IPAddress, GlobalIPv6Address]);
  return addresses.find((address) => address !== "") ?? null;
}

/** Where it is there, and Harmony's. */
export async function removeContainer(podman: Libpod, name: string, signal: AbortSignal): Promise<void> {
  const found = await findContainer(podman, name, signal);
  if (found === null || found.spec === null) return;
  const doing = `Removing the container ${name}`;
  const answer = await podman.call(
    "DELETE",
    `/containers/${encodeURIComponent(found.id)}?force=true&v=true`,
    doing,
    signal,
  );
  if (answer.status >= 300 && answer.status !== 404) throw refused(doing, answer);
}
