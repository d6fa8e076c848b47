import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";
import { harmony } from "./in-process.ts";

const page = async (...words: readonly string[]): Promise<string> => {
  const { code, out, err } = await harmony(["man", ...words]);
  expect({ code, err }).toEqual({ code: 0, err: "" });
  return out;
};

test("a page has what the help has: what it does, its flags, those of all commands, and its examples", async () => {
  const text = await page("apply");
  expect(text).toMatch(
    /^\.TH "HARMONY-APPLY" 1 "" "Harmony Edge .*" "User Commands"\n\.SH NAME\nharmony\\-apply \\- ships/,
  );
  expect(text).toContain("\n.TP\n.B \\-\\-retry\\-failed\n");
  expect(text).toContain("\n.SH OPTIONS OF ALL COMMANDS\n.TP\n.B \\-\\-server <URL>\n");
  expect(text).toContain("\n.SH EXAMPLES\n.nf\nharmony apply kiosk.ts \\-\\-agent pi\\-7\n");
  expect(await page()).toContain(".B harmony rollback\nships an earlier manifest again");
  expect(await page("fleet", "init")).toContain(".B harmony fleet init\n");
});

test("a command that is not there is told, with those that are", async () => {
  const wrong = await harmony(["man", "fleet", "make"]);
  expect(wrong).toMatchObject({ code: 2, out: "" });
  expect(wrong.err).toContain("There are init,");
});

test("groff or mandoc finds nothing wrong with any of them", async ({ skip }) => {
  const check = [
    ["mandoc", ["-Tlint", "-Wwarning"]],
    ["groff", ["-man", "-Tutf8", "-ww", "-z"]],
  ] as const;
  const found = check.find(([program]) => spawnSync(program, ["-v"]).error === undefined);
  skip(found === undefined, "neither groff nor mandoc is installed here");
  if (found === undefined) return;
  const { out } = await harmony(["--help"]);
  const [, listed = ""] = /^Commands:\n((?: .*\n)+)/m.exec(out) ?? [];
  const commands = [...listed.matchAll(/^ {2}([a-z]+)\b/gm)]
    .map(([, name = ""]) => name)
    .filter((name) => name !== "help");
  expect(commands.length).toBeGreaterThan(15);
  for (const command of commands) {
    const ran = spawnSync(found[0], found[1], { input: await page(command), encoding: "utf8" });
    expect({ command, said: `${ran.stdout}${ran.stderr}` }).toEqual({ command, said: "" });
  }
});
