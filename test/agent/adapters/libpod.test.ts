import { mkdtempSync, rmSync } from "node:fs";
import http from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { Libpod } from "../../../src/agent/adapters/libpod.ts";

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
