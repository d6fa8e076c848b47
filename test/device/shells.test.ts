import { beforeAll, expect, test } from "vitest";
import { USAGE } from "../../src/agent/arguments.ts";
import { ENROLL_USAGE } from "../../src/agent/enrol-arguments.ts";
import { KEY_USAGE } from "../../src/agent/key-arguments.ts";
import { LOCAL_USAGE } from "../../src/agent/local-arguments.ts";
import { pages } from "../../src/cli/main.ts";
import { harmony } from "../cli/in-process.ts";
import { onMachines, suiteMachines } from "./machine/for-tests.ts";
import type { Machine } from "./machine/machine.ts";

const tags = ["packages"];

/** It knows three devices, and writes down what it is called with. */
const STUB = `#!/bin/sh
if [ "$*" = "completion ids" ]; then printf 'kiosk-1\\npi-7\\npi-8\\n'; else printf '%s\\n' "$*" >>/root/said; fi
`;

/** What is typed, where <TAB> is that key; and what the program is then called with. */
const TYPED: readonly (readonly [typed: string, called: string])[] = [
  ["harmony stat<TAB>", "status"],
  ["harmony logs kio<TAB> --fol<TAB>", "logs kiosk-1 --follow"],
  ["harmony apply x.ts --agent kio<TAB> --no-w<TAB>", "apply x.ts --agent kiosk-1 --no-wait"],
  ["harmony --json status kio<TAB>", "--json status kiosk-1"],
  ["harmony kinds SystemdTi<TAB>", "kinds SystemdTimer"],
  // A Score is no agent.
  ["harmony logs pi-7 kio<TAB>", "logs pi-7 kio"],
];

onMachines("what is generated for shells and for man, with the real ones", () => {
  const boot = suiteMachines();
  let machine: Machine;
  const sh = (script: string): Promise<string> => machine.run(["sh", "-ec", script], { timeoutMs: 60_000 });

  beforeAll(async () => {
    machine = await boot({ name: "shells" });
    await sh("DEBIAN_FRONTEND=noninteractive apt-get -y -q install --no-install-recommends zsh fish mandoc");
    await machine.writeFile("/usr/local/bin/harmony", STUB, "0755");
    await sh("mkdir /root/zfunc /root/man");
    for (const [shell, path] of [
      ["bash", "/root/harmony.bash"],
      ["zsh", "/root/zfunc/_harmony"],
      ["fish", "/root/harmony.fish"],
    ] as const) {
      await machine.writeFile(path, (await harmony(["completion", shell])).out);
    }
  }, 180_000);

  /** Types at a terminal, with time for the shell to answer each line. */
  async function typed(command: string, first: string): Promise<readonly string[]> {
    const lines = [first, ...TYPED.map(([line]) => line), "exit"];
    const keys = lines.flatMap((line) => [
      // Each Tab comes by itself, as a finger does it.
      ...line
        .split(/(?<=<TAB>)/)
        .flatMap((part) => [`printf '%s' ${quoted(part.replace("<TAB>", "\t"))}`, "sleep 0.4"]),
      "printf '\\r'",
      "sleep 0.4",
    ]);
    await sh("rm -f /root/said");
    const out = await sh(`{ sleep 1; ${keys.join("; ")}; } | TERM=xterm script -qec ${quoted(command)} /dev/null 2>&1`);
    const said = await sh("cat /root/said || true");
    if (said === "") throw new Error(`nothing was called: ${out}`);
    return said.trim().split("\n");
  }
  const called = TYPED.map(([, words]) => words);

  test("bash loads its script without a word, and completes", { tags }, async () => {
    expect(await sh("bash --norc -c 'source /root/harmony.bash' 2>&1")).toBe("");
    expect(await typed("bash --norc --noprofile -i", "source /root/harmony.bash")).toEqual(called);
  });

  test("zsh loads its script without a word, and completes", { tags }, async () => {
    expect(await sh("zsh -n /root/zfunc/_harmony 2>&1")).toBe("");
    const first = "fpath=(/root/zfunc $fpath); autoload -Uz compinit; compinit -u -d /root/zcompdump";
    expect(await sh(`zsh -f -c '${first}; autoload +X _harmony' 2>&1`)).toBe("");
    expect(await typed("zsh -f -i", first)).toEqual(called);
  });

  test("fish loads its script without a word, and completes", { tags }, async () => {
    expect(await sh("fish --no-execute /root/harmony.fish 2>&1; fish -c 'source /root/harmony.fish' 2>&1")).toBe("");
    const offered = async (line: string): Promise<readonly string[]> => {
      const out = await sh(`fish -c "source /root/harmony.fish; complete -C '${line}'"`);
      return out
        .split("\n")
        .map((each) => each.split("\t")[0] ?? "")
        .filter((each) => each !== "");
    };
    expect(await offered("harmony stat")).toEqual(["status"]);
    expect(await offered("harmony logs ")).toEqual(["kiosk-1", "pi-7", "pi-8"]);
    expect(await offered("harmony logs --fol")).toEqual(["--follow"]);
    expect(await offered("harmony apply x.ts --agent ki")).toEqual(["kiosk-1"]);
    expect(await offered("harmony apply x.ts --no-w")).toEqual(["--no-wait"]);
    expect(await offered("harmony kinds SystemdTi")).toEqual(["SystemdTimer"]);
    expect(await offered("harmony logs pi-7 kio")).toEqual([]);
  });

  test("mandoc finds nothing wrong with any manual page, and shows them", { tags }, async () => {
    const all = pages({
      "harmony agent": USAGE,
      "harmony agent enroll": ENROLL_USAGE,
      "harmony agent key": KEY_USAGE,
      "harmony agent take": LOCAL_USAGE,
    });
    for (const [name, page] of all) await machine.writeFile(`/root/man/${name}`, page);
    // Which day it was made is not said, so that the same sources make the same page.
    const said = await sh("cd /root/man && mandoc -Tlint -Wwarning *.1 2>&1 | grep -v 'missing date' || true");
    expect(said).toBe("");
    expect(
      await sh("mandoc -Tutf8 /root/man/harmony-logs.1 | col -b 2>/dev/null || mandoc -Tutf8 /root/man/harmony-logs.1"),
    ).toContain("harmony logs pi-7 web --follow");
  });
});

const quoted = (text: string): string => `'${text.replaceAll("'", String.raw`'\''`)}'`;
