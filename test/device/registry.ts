import type { Machine } from "./machine/machine.ts";

export const REGISTRY = "127.0.0.1:5000";

/** Starts the registry on the machine's own loopback. */
export async function startRegistry(machine: Machine): Promise<void> {
  const isUp = `node -e 'fetch("http://${REGISTRY}/v2/").catch(() => process.exit(1))'`;
  await machine.run(["sh", "-c", `systemctl start docker-registry; until ${isUp}; do sleep 0.1; done`]);
}

/** Pushes an image of a few programs, whose variable TAG is the tag; returns the digest. It stays on the machine too. */
export async function pushImage(machine: Machine, repository: string, tag: string): Promise<string> {
  const image = `${REGISTRY}/${repository}:${tag}`;
  const script =
    `podman import -q --change "ENV TAG=${tag}" /opt/busybox.tar ${image} && ` +
    `podman push -q --digestfile /root/digest ${image}`;
  await machine.run(["sh", "-c", script]);
  return (await machine.readFile("/root/digest")).trim();
}
