import { describe, expect, test } from "vitest";
import { kindName } from "../../../src/cli/scaffold/kind-name.ts";

test.each([
  ["Motd", "MotdScore", "motd"],
  ["DoorSign", "DoorSignScore", "door-sign"],
  ["HTTPProbe2", "HTTPProbe2Score", "http-probe2"],
  ["A", "AScore", "a"],
])("%s is a name: its class is %s, its file %s", (name, className, file) => {
  expect(kindName(name)).toEqual({ _tag: "Name", name, className, file });
});

describe("what is no name is refused, with what to do", () => {
  test.each([
    ["door-sign", "NotPascalCase", "Did you mean DoorSign?"],
    ["motd", "NotPascalCase", "Did you mean Motd?"],
    ["../x", "NotPascalCase", "Did you mean X?"],
    ["2nd", "NotPascalCase", "A name such as DoorSign will do."],
    ["file", "NotPascalCase", "A name such as DoorSign will do."],
    ["Tür", "NotPascalCase", "Did you mean Tur?"],
    ["", "NotPascalCase", "A name such as DoorSign will do."],
    ["MotdScore", "EndsWithScore", "Did you mean Motd?"],
    ["Score", "EndsWithScore", "A name such as DoorSign will do."],
    ["FileScore", "EndsWithScore", "A name such as DoorSign will do."],
    ["A".repeat(41), "TooLong", "Take a shorter one."],
    ["File", "BuiltIn", "harmony kinds File shows it. Take another name for yours."],
    ["SystemDService", "BuiltIn", "harmony kinds SystemdService shows it. Take another name for yours."],
  ])("%s", (text, tag, next) => {
    expect(kindName(text)).toMatchObject({ _tag: tag, next, message: expect.stringMatching(/^\S.+[^.]$/) });
  });
});
