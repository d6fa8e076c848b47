import * as fc from "fast-check";
import { expect, test } from "vitest";
import { type CapabilityName, NEEDS, SOCKETS } from "../../src/agent/cage/needs.ts";
import { type Caged, dropInText, unitText } from "../../src/agent/cage/unit.ts";
import { PiWithAuditedShellTopology } from "../../src/topology/pi-with-audited-shell.ts";

const NAMES = PiWithAuditedShellTopology.offers.map(({ name }) => name);
const caged = fc.record({
  capabilities: fc.subarray(NAMES),
  paths: fc.option(fc.array(fc.stringMatching(/^\/[^\p{Cc}]*$/u), { minLength: 1, maxLength: 4 })),
  creds: fc.option(fc.constant("/etc/harmony-edge/agent.creds")),
  stateDir: fc.constant(null),
});
const only = (...capabilities: readonly CapabilityName[]): Caged => ({
  capabilities,
  paths: ["/srv"],
  creds: null,
  stateDir: null,
});

/** What systemd would come to: lists add up, an empty value forgets what was before, and of the rest the last one holds. */
function read(text: string, name: string): readonly string[] {
  let values: string[] = [];
  for (const [, key, value = ""] of text.matchAll(/^([A-Za-z]+)=(.*)$/gm)) {
    if (key !== name) continue;
    if (value === "") values = [];
    else values.push(...words(value));
  }
  return [...new Set(values)].toSorted();
}

/** See systemd.syntax(7): words in quotes, in which a backslash takes the next character as it is; then specifiers. */
const words = (value: string): readonly string[] =>
  [...value.matchAll(/"((?:[^"\\]|\\.)*)"|(\S+)/g)].map(([, quoted, plain = ""]) =>
    (quoted?.replaceAll(/\\(.)/g, "$1") ?? plain).replaceAll("%%", "%"),
  );

const whole = (given: Caged): string => unitText("/usr/bin/harmony agent run", given);
/** The package's unit with the drop-in behind it. */
const both = (given: Caged): string =>
  `${whole({ capabilities: [], paths: [], creds: null, stateDir: null })}${dropInText(given)}`;

test("an agent that offers nothing has no right of root, and writes nowhere but in what is its own", () => {
  const text = both(only());
  expect(read(text, "CapabilityBoundingSet")).toEqual([]);
  expect(read(text, "ReadWritePaths")).toEqual([]);
  expect(read(text, "InaccessiblePaths")).toEqual(
    Object.values(SOCKETS)
      .map((path) => `-${path}`)
      .toSorted(),
  );
});

test("what is enabled has what it declares, and nothing that something else declares", () => {
  fc.assert(
    fc.property(caged, (given) => {
      const needs = given.capabilities.map((name) => NEEDS[name]);
      const rights = needs.flatMap((need) => need.rights ?? []);
      const written = needs.flatMap(({ writes = [] }) => (writes === "scores" ? (given.paths ?? ["/"]) : writes));
      const spoken = needs.flatMap((need) => need.speaksTo ?? []);
      for (const text of [whole(given), both(given)]) {
        expect(read(text, "CapabilityBoundingSet")).toEqual([...new Set(rights)].toSorted());
        expect(read(text, "ReadWritePaths")).toEqual([...new Set(written.map((path) => `-${path}`))].toSorted());
        const hidden = Object.entries(SOCKETS).filter(([name]) => !spoken.some((each) => each === name));
        expect(read(text, "InaccessiblePaths")).toEqual(hidden.map(([, path]) => `-${path}`).toSorted());
        expect(read(text, "RestrictAddressFamilies").includes("AF_NETLINK")).toBe(
          needs.some(({ families = [] }) => families.includes("AF_NETLINK")),
        );
      }
    }),
  );
});

test("no configuration lets go of what holds for all", () => {
  fc.assert(
    fc.property(caged, (given) => {
      const text = both(given);
      for (const line of [
        "Environment=MALLOC_ARENA_MAX=1 MALLOC_MMAP_THRESHOLD_=131072 MALLOC_TRIM_THRESHOLD_=131072",
        "NoNewPrivileges=yes",
        "ProtectSystem=strict",
        "RestrictNamespaces=yes",
        "MemoryMax=384M",
      ]) {
        const name = line.slice(0, line.indexOf("="));
        expect([...text.matchAll(new RegExp(`^${name}=.*$`, "gm"))].flat()).toEqual([line]);
      }
      expect(read(text, "ReadOnlyPaths")).toContain("-/etc/harmony-edge");
      expect(text).not.toContain("MemoryDenyWriteExecute=");
    }),
  );
});

test("paths are about files alone; without any named a Score may write everywhere", () => {
  expect(read(both(only("FileSystemHost")), "ReadWritePaths")).toEqual(["-/srv"]);
  expect(read(both({ ...only("FileSystemHost"), paths: null }), "ReadWritePaths")).toEqual(["-/"]);
  expect(read(both(only("PacketFilter")), "ReadWritePaths")).toEqual([]);
});

test("a device without credentials starts all the same, one with others waits for those", () => {
  expect(read(both(only()), "ConditionPathExists")).toEqual([]);
  expect(read(both({ ...only(), creds: "/srv/50%" }), "ConditionPathExists")).toEqual(["/srv/50%"]);
});

test("a percent sign in a path begins no specifier of systemd", () => {
  const text = both({ ...only("FileSystemHost"), paths: ["/srv/50%h"], creds: "/etc/50%h" });
  expect(text).toContain("ReadWritePaths=-/srv/50%%h\n");
  expect(text).toContain("ConditionPathExists=/etc/50%%h\n");
});

test("a ledger that lies elsewhere can be written", () => {
  expect(read(both({ ...only(), stateDir: "/srv/ledger" }), "ReadWritePaths")).toEqual(["-/srv/ledger"]);
  expect(read(both({ ...only(), stateDir: "/srv/ledger", cacheDir: "/data/assets" }), "ReadWritePaths")).toEqual([
    "-/data/assets",
    "-/srv/ledger",
  ]);
});
