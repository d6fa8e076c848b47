import { describe, expect, test } from "vitest";
import { debianMirrors } from "../../src/cli/debian-sources.ts";

const uris = (name: string, text: string): readonly string[] =>
  debianMirrors([{ name, text }], "trixie").map(({ uri }) => uri);

describe("the mirrors that apt's configuration names", () => {
  test("one-line format, with options, and without source, security and foreign entries", () => {
    const text = [
      "# deb http://commented.example/debian trixie main",
      "deb [arch=amd64 signed-by=/keys/debian.gpg] http://mirror.example/debian trixie main contrib # ours",
      "deb-src http://sources.example/debian trixie main",
      "deb http://security.example/debian trixie-security main",
      "deb http://foreign.example/linux trixie stable",
    ].join("\n");
    expect(debianMirrors([{ name: "sources.list", text }], "trixie")).toEqual([
      { uri: "http://mirror.example/debian", signedBy: "/keys/debian.gpg" },
    ]);
  });

  test("stanzas, with several values, continued lines and comments between", () => {
    const text = `Types: deb deb-src
URIs: http://one.example/debian
# a comment inside
 http://two.example/debian
Suites: trixie trixie-updates
Components:
 main
 contrib
Signed-By: /keys/debian.pgp

Types: deb
URIs: http://security.example/debian
Suites: trixie-security
Components: main
`;
    expect(debianMirrors([{ name: "debian.sources", text }], "trixie")).toEqual([
      { uri: "http://one.example/debian", signedBy: "/keys/debian.pgp" },
      { uri: "http://two.example/debian", signedBy: "/keys/debian.pgp" },
    ]);
  });

  test("a disabled stanza and a key that stands inline are not used", () => {
    const stanza = "Types: deb\nURIs: http://m.example/debian\nSuites: stable\nComponents: main\n";
    expect(uris("a.sources", `${stanza}Enabled: no\n`)).toEqual([]);
    const inline = `${stanza}Signed-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n abc\n`;
    expect(debianMirrors([{ name: "a.sources", text: inline }], "trixie")).toEqual([
      { uri: "http://m.example/debian", signedBy: undefined },
    ]);
  });

  test("other files in the folder are not read as either format", () => {
    expect(
      uris("debian.sources.disabled", "Types: deb\nURIs: http://x.example\nSuites: trixie\nComponents: main"),
    ).toEqual([]);
    expect(uris("sources.list", "")).toEqual([]);
  });
});
