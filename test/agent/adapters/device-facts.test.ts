import { arch, release, totalmem } from "node:os";
import { expect, test } from "vitest";
import { deviceFacts, prettyName } from "../../../src/agent/adapters/device-facts.ts";
import { CapabilitiesDocument } from "../../../src/wire/status.ts";

test("a machine tells what it is, in the shape that is published", () => {
  const facts = deviceFacts();
  expect(CapabilitiesDocument.shape.device.parse(facts)).toEqual(facts);
  expect(facts).toMatchObject({ architecture: arch(), kernel: release(), memoryBytes: totalmem() });
  expect(facts.operatingSystem).toMatch(/\S/);
});

test.each([
  ['PRETTY_NAME="Debian GNU/Linux 13 (trixie)"\nNAME="Debian"\n', "Debian GNU/Linux 13 (trixie)"],
  ["ID=alpine\nPRETTY_NAME='Alpine'\n", "Alpine"],
  ["PRETTY_NAME=Bare\n", "Bare"],
  ["NAME=x\n", null],
  ["", null],
])("the name of the operating system is read out of %j", (text, name) => {
  expect(prettyName(text)).toBe(name);
});
