import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import * as z from "zod";
import { USAGE } from "../../src/agent/arguments.ts";
import { ENROLL_USAGE } from "../../src/agent/enrol-arguments.ts";
import { KEY_USAGE } from "../../src/agent/key-arguments.ts";
import { LOCAL_USAGE } from "../../src/agent/local-arguments.ts";
import { pages } from "../../src/cli/main.ts";
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

const AGENT_HELPS = {
  "harmony agent": USAGE,
  "harmony agent enroll": ENROLL_USAGE,
  "harmony agent key": KEY_USAGE,
  "harmony agent take": LOCAL_USAGE,
};

test("package.json names a page of each command, and no other", () => {
  const read = z.object({ man: z.array(z.string()) }).parse(JSON.parse(readFileSync("package.json", "utf8")));
  expect(read.man).toEqual([...pages(AGENT_HELPS).keys()].toSorted().map((name) => `./dist/man/${name}`));
});

test("the agent's page has what its help has: each option, what it means, and how it ends", () => {
  const enroll = pages(AGENT_HELPS).get("harmony-agent-enroll.1") ?? "";
  expect(enroll).toContain("\n.SH SYNOPSIS\n.nf\nharmony agent enroll \\-\\-id ID [options]\n.fi\n");
  expect(enroll).toContain("\n.TP\n.B \\-\\-config FILE\ntake the id, and where the key goes");
  expect(enroll.match(/^\.B /gm)).toHaveLength(ENROLL_USAGE.match(/^ {2}-/gm)?.length ?? -1);
  expect(enroll).toContain("\n.SH EXAMPLES\n.nf\nharmony agent enroll \\-\\-id pi\\-7 \\-\\-ca ca.pem\n");
  expect(enroll).toContain("\n.SH EXIT STATUS\n0 done, 1 ");
});

test("groff or mandoc finds nothing wrong with any of them", ({ skip }) => {
  const check = [
    ["mandoc", ["-Tlint", "-Wwarning"]],
    ["groff", ["-man", "-Tutf8", "-ww", "-z"]],
  ] as const;
  const found = check.find(([program]) => spawnSync(program, ["-v"]).error === undefined);
  // Both look at them on a booted machine, in test/device/shells.test.ts.
  skip(found === undefined, "neither groff nor mandoc is installed here");
  if (found === undefined) return;
  const all = pages(AGENT_HELPS);
  expect(all.size).toBeGreaterThan(40);
  for (const [name, text] of all) {
    const ran = spawnSync(found[0], found[1], { input: text, encoding: "utf8" });
    // Which day it was made is not said, so that the same sources make the same page.
    const said = `${ran.stdout}${ran.stderr}`.split("\n").filter((line) => !line.includes("missing date"));
    expect({ name, said: said.join("\n") }).toEqual({ name, said: "" });
  }
});
