import http from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { ContainerProbes } from "../../../src/agent/adapters/container-probes.ts";

const { signal } = new AbortController();
const often = { interval: 60, timeout: 2, retries: 2, startPeriod: 0 };

async function server(status: () => number): Promise<number> {
  const listening = http.createServer((_, response) => response.writeHead(status()).end());
  await new Promise<void>((resolve) => listening.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void listening.close());
  const address: AddressInfo | string | null = listening.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}
const here = (id: string) => ({ id, address: "127.0.0.1" });

test("a container that answers is well; one failure is told, and as many as `retries` in a row make it unhealthy", async () => {
  let status = 200;
  const probe = { type: "http", path: "/", port: await server(() => status), ...often } as const;
  const probes = new ContainerProbes();
  const look = () => probes.look("web", here("a"), probe, true, signal);
  expect(await look()).toEqual({ health: "healthy", why: null });
  status = 500;
  expect(await look()).toEqual({ health: "healthy", why: "/ answered with status 500" });
  expect(await look()).toMatchObject({ health: "unhealthy" });
  status = 302;
  expect(await look()).toEqual({ health: "healthy", why: null });
});

test("one that has not answered yet is starting, and failures in its start period do not count", async () => {
  const probe = { type: "tcp", port: 1, ...often } as const;
  const probes = new ContainerProbes();
  expect(await probes.look("web", here("a"), probe, true, signal)).toMatchObject({ health: "starting" });
  expect(await probes.look("web", here("a"), probe, true, signal)).toMatchObject({ health: "unhealthy" });
  const patient = { ...probe, startPeriod: 60 };
  expect(await probes.look("web", here("a"), patient, true, signal)).toMatchObject({ health: "starting" });
});

test("it is asked once in an interval, and anew when it is another container", async () => {
  let asked = 0;
  const port = await server(() => ((asked += 1), 200));
  const probe = { type: "http", path: "/", port, ...often } as const;
  const probes = new ContainerProbes();
  await probes.look("web", here("a"), probe, false, signal);
  await probes.look("web", here("a"), probe, false, signal);
  expect(asked).toBe(1);
  await probes.look("web", here("b"), probe, false, signal);
  expect(asked).toBe(2);
});
