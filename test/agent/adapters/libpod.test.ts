import { mkdtempSync, rmSync } from "node:fs";
import http from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { Libpod, refused } from "../../../src/agent/adapters/libpod.ts";

const { signal } = new AbortController();

/** An API that listens once it is opened. */
function podman(answer: http.RequestListener) {
  const folder = mkdtempSync(join(tmpdir(), "harmony-test-libpod-"));
  const server = http.createServer(answer);
  onTestFinished(() => {
    server.close();
    rmSync(folder, { recursive: true });
  });
  const socket = join(folder, "podman.sock");
  let opening = 0;
  let atOnce = 0;
  const open = async (): Promise<void> => {
    opening += 1;
    atOnce = Math.max(atOnce, opening);
    // So long that the others find nobody too.
    for (let turn = 0; turn < 50; turn += 1) await new Promise((resume) => setImmediate(resume));
    if (!server.listening) await new Promise<void>((resolve) => server.listen(socket, resolve));
    opening -= 1;
  };
  return { api: new Libpod({ socket, open }), opensAtOnce: () => atOnce };
}

test("calls that find nobody at the socket have it opened, never twice at once", async () => {
  const { api, opensAtOnce } = podman((_, response) => response.end('{"a":1}'));
  const answers = await Promise.all(["/one", "/two"].map((path) => api.call("GET", path, "Asking", signal)));
  expect(answers).toEqual([
    { status: 200, body: { a: 1 } },
    { status: 200, body: { a: 1 } },
  ]);
  expect(opensAtOnce()).toBe(1);
});

test("any status is an answer, and what is no JSON is told as such", async () => {
  const { api } = podman((_, response) => response.writeHead(404).end("gone"));
  expect(await api.call("GET", "/one", "Asking", signal)).toEqual({ status: 404, body: undefined });
});

test("where it cannot be opened the call is refused, and a call that is given up says so", async () => {
  const nobody = new Libpod({ socket: "/nowhere/podman.sock", open: async () => {} });
  await expect(nobody.call("GET", "/one", "Asking", signal)).rejects.toMatchObject({
    problem: { code: "Unavailable" },
  });
  const ending = new AbortController();
  const { api } = podman(() => ending.abort());
  await expect(api.call("GET", "/one", "Asking", ending.signal)).rejects.toMatchObject({
    problem: { code: "TimedOut" },
  });
});

test("a podman that switches to another protocol has not answered, and the call ends", async () => {
  const { api } = podman((request) => {
    request.socket.end("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n");
  });
  await expect(api.call("GET", "/one", "Asking", signal)).rejects.toMatchObject({ problem: { code: "Unavailable" } });
});

test("an answer that would take much more memory than it has bytes is refused before it is read", async () => {
  const { api } = podman((_, response) => response.end(`[${"[],".repeat(300_000)}0]`));
  await expect(api.call("GET", "/one", "Asking", signal)).rejects.toMatchObject({
    problem: { code: "Failed", message: expect.stringContaining("more than 500000 values") },
  });
});

test("what podman says against something is told where it is text, and no more than a status takes", () => {
  const told = (body: unknown): string => refused("Asking", { status: 500, body }).message;
  expect(told({ message: "in use" })).toBe("Asking failed: in use.");
  expect(told({ message: { toString: 1 } })).toBe("Asking failed: status 500, and an answer that says nothing of it.");
  expect(told({ message: "x".repeat(100_000) }).length).toBeLessThan(2000);
});
