import { connect, createServer, type Socket } from "node:net";
import { onTestFinished } from "vitest";

/** Stands before a server, and hands on so many bytes of its answers; what comes then never arrives. */
export async function stallingProxy(
  url: string,
  bytes: number,
): Promise<{ readonly url: string; readonly stalled: Promise<void> }> {
  const { port } = new URL(url);
  const sockets = new Set<Socket>();
  let left = bytes;
  let stall = (): void => {};
  const stalled = new Promise<void>((resolve) => (stall = resolve));
  const proxy = createServer((client) => {
    const server = connect(Number(port), "127.0.0.1");
    for (const socket of [client, server]) {
      sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => {
        client.destroy();
        server.destroy();
      });
    }
    client.pipe(server);
    server.on("data", (chunk) => {
      const passed = chunk.subarray(0, Math.max(0, left));
      left -= chunk.length;
      if (passed.length > 0) client.write(passed);
      if (left <= 0) stall();
    });
  });
  await new Promise<void>((listening) => proxy.listen(0, "127.0.0.1", listening));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    proxy.close();
  });
  const address = proxy.address();
  if (typeof address !== "object" || address === null) throw new Error("the proxy has no port");
  return { url: `nats://127.0.0.1:${address.port}`, stalled };
}
