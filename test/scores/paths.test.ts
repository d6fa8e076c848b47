import { posix } from "node:path";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { AbsolutePath, Account, Mode } from "../../src/scores/paths.ts";

const takes = (path: string): boolean => AbsolutePath.safeParse(path).success;
const bytes = (text: string): number => Buffer.byteLength(text);

describe("an absolute path", () => {
  test.each([
    ["", "empty"],
    ["/", "the root"],
    ["etc/motd", "relative"],
    ["./etc", "relative"],
    ["/etc/", "slash at the end"],
    ["//etc", "empty part"],
    ["/etc//motd", "empty part"],
    ["/etc/./motd", "dot"],
    ["/.", "dot"],
    ["/etc/../motd", "dot dot"],
    ["/..", "dot dot"],
    ["/etc/mo\0td", "NUL"],
    ["/etc/\ud800", "half of a surrogate pair"],
    ["/\udc00\ud800", "two halves the wrong way round"],
    [`/${"a".repeat(256)}`, "part of 256 bytes"],
    [`/${"ü".repeat(128)}`, "part of 256 bytes in 128 characters"],
    ["/a".repeat(2048), "4096 bytes"],
  ])("is not %j (%s)", (path) => {
    expect(takes(path)).toBe(false);
  });

  test.each([
    ["/a"],
    ["/etc/motd"],
    ["/.hidden"],
    ["/..."],
    ["/a..b"],
    ["/a b/ü/\u{1f389}"],
    ["/a\nb"],
    [`/${"ü".repeat(127)}a`],
    [`${"/a".repeat(2046)}/bc`],
  ])("is %j", (path) => {
    expect(takes(path)).toBe(true);
  });

  test("is what Node's own normalisation leaves alone, within the limits, and nothing else", () => {
    const part = fc.oneof(
      fc.constantFrom("", ".", "..", "a", "...", " ", "\0", "\ud800"),
      fc.string({ unit: "binary", maxLength: 4 }),
      fc.nat(300).map((length) => "x".repeat(length)),
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 5 }), fc.boolean(), (parts, rooted) => {
        const path = (rooted ? "/" : "") + parts.join("/");
        const expected =
          path.startsWith("/") &&
          path !== "/" &&
          !path.endsWith("/") &&
          posix.normalize(path) === path &&
          !path.includes("\0") &&
          Buffer.from(path).toString() === path &&
          bytes(path) <= 4095 &&
          path.split("/").every((each) => bytes(each) <= 255);
        expect(takes(path)).toBe(expected);
      }),
      { numRuns: 500 },
    );
  });

  test("of a megabyte is refused like any other that is too long", () => {
    expect(takes("/a".repeat(512 * 1024))).toBe(false);
  });

  test("is refused with all that is wrong with it", () => {
    expect(AbsolutePath.safeParse(`etc/../${"a".repeat(256)}`).error?.issues.map(({ message }) => message)).toEqual([
      "a path is absolute and has no empty part, NUL or slash at its end",
      'a path has no "." or ".." in it',
      "a path has at most 4095 bytes, each part 255",
    ]);
  });
});

test.each([
  [["0644", "4755", "0000", "7777"], true],
  [["644", "00644", "0o644", "0888", "rwx", "", "0644\n"], false],
])("the modes %j: %j", (modes, expected) => {
  expect(modes.map((mode) => Mode.safeParse(mode).success)).toEqual(modes.map(() => expected));
});

test.each([
  [["root", "_apt", "systemd-network", "machine$", "0", "1000", "4294967294"], true],
  // "007" would be compared with "7" as text for ever.
  [["", "Root", "-a", "a b", "a:b", "a$b", "1a", "-1", "007", "12345678901", "a".repeat(33), "root\n"], false],
])("the accounts %j: %j", (accounts, expected) => {
  expect(accounts.map((account) => Account.safeParse(account).success)).toEqual(accounts.map(() => expected));
});
