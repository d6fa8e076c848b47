import { mkdtempSync, rmSync } from "node:fs";
import http from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { CommandResult } from "../../../src/agent/adapters/command.ts";
import { PodmanOffering } from "../../../src/agent/adapters/podman-offering.ts";
import { FakeFileSystem, FakeSystemdHost } from "../../../src/testing/index.ts";

const { signal } = new AbortController();

const saying = (stdout: string, code = 0): CommandResult => ({
  _tag: "Ended",
  code,
  signal: null,
  stdout,
  stderr: "",
  truncated: false,
  timedOut: false,
});
const INFO = { host: { cgroupVersion: "v2", networkBackend: "netavark", ociRuntime: { name: "crun" } } };

/** A socket at which podman answers so; null: nobody does. */
async function socketOf(body: string | null): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "harmony-test-podman-"));
  const socket = join(folder, "podman.sock");
  const server = http.createServer((_, response) => response.end(body));
  if (body !== null) await new Promise<void>((resolve) => server.listen(socket, resolve));
  onTestFinished(() => {
    server.close();
    rmSync(folder, { recursive: true });
  });
  return socket;
}

async function offeringWith(
  result: CommandResult,
  { isRoot = true, answer = JSON.stringify(INFO) }: { isRoot?: boolean; answer?: string | null } = {},
) {
  let runs = 0;
  const offering = new PodmanOffering({
    files: new FakeFileSystem(),
    supervisor: new FakeSystemdHost({ controllers: ["cpu"] }),
    socket: await socketOf(answer),
    run: async () => ((runs += 1), result),
    isRoot: () => isRoot,
  });
  return { offering, runs: () => runs };
}

test("a podman with Quadlet is found, and asked for its facts once", async () => {
  const { offering, runs } = await offeringWith(saying("podman version 5.4.2\n"));
  const found = {
    _tag: "Found",
    facts: {
      version: "5.4.2",
      runtime: "crun",
      cgroupVersion: "v2",
      controllers: ["cpu"],
      rootless: false,
      networkBackend: "netavark",
    },
  };
  expect(await offering.detect(signal)).toEqual(found);
  expect(await offering.detect(signal)).toEqual(found);
  expect(runs()).toBe(1);
});

test.each([
  ["not there", { _tag: "NotFound" } as const],
  ["too old", saying("podman version 4.3.1\n")],
  ["broken", saying("", 125)],
  ["saying something else", saying("podman")],
])("a podman that is %s is none", async (_, result) => {
  expect(await (await offeringWith(result)).offering.detect(signal)).toEqual({
    _tag: "Absent",
    reason: "podman >= 4.4 not found",
  });
});

test.each([
  ["does not answer", null],
  ["answers something else", "[]"],
  ["answers no JSON", "no"],
])("a podman that %s is none", async (_, answer) => {
  const { offering } = await offeringWith(saying("podman version 5.4.2\n"), { answer });
  expect(await offering.detect(signal)).toEqual({
    _tag: "Absent",
    reason: "an answer of podman at its socket not found",
  });
});

test("without the rights of root there is none", async () => {
  const { offering } = await offeringWith(saying("podman version 5.4.2\n"), { isRoot: false });
  expect(await offering.detect(signal)).toMatchObject({ _tag: "Absent" });
});
