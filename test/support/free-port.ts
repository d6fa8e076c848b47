import { createServer } from "node:net";

/** A port of the loopback that nobody listens on at this moment, for a program that is told which to take. */
export async function freePort(): Promise<string> {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === "string") throw new Error("no port");
  return String(address.port);
}
