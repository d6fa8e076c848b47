import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { matches, parseSelector, type Selector, selectAgents, selectorText } from "../../src/fleet/selector.ts";
import { MemoryStore } from "../../src/wire/memory-store.ts";
import { AgentId } from "../../src/wire/keys.ts";
import { writeDocument } from "../../src/wire/status.ts";
import { capabilities } from "./scripted-agent.ts";

const selector = (text: string): Selector => {
  const parsed = parseSelector(text);
  if (parsed._tag === "Refused") throw new Error(parsed.message);
  return parsed.selector;
};

describe("a selector", () => {
  const paris = { site: "paris", role: "kiosk", env: "live" };
  test.each([
    ["site=paris", true],
    ["site==paris", true],
    ["site = rome", false],
    ["site!=rome", true],
    ["site != paris", false],
    ["nothing!=rome", true],
    ["nothing=rome", false],
    ["env in (test, live)", true],
    ["env in (test)", false],
    ["env notin (test)", true],
    ["nothing notin (test)", true],
    ["site", true],
    ["nothing", false],
    ["!nothing", true],
    ["! site", false],
    ["toString", false],
    ["site=paris,role!=kiosk", false],
    ["site=paris , env in (live),!nothing", true],
    [" * ", true],
    ["in in (a)", false],
    ["in,in!=a", false],
  ])("%s", (text, holds) => {
    expect(matches(selector(text), paris)).toBe(holds);
  });

  test.each([
    ["", 1, 'expected a key, or "!" and a key, found the end'],
    ["   ", 4, "found the end"],
    ["site=", 6, "expected a value, found the end"],
    ["site=paris,", 12, "found the end"],
    ["site paris", 6, 'expected "=", "!=", "in", "notin" or "," after "site", found "p"'],
    ["site in paris", 9, 'expected "(" after "in", found "p"'],
    ["site in (", 10, "expected a value, found the end"],
    ["site in (a", 11, 'expected "," or ")", found the end'],
    ["site in ()", 10, 'expected a value, found ")"'],
    ["a=b)", 4, 'expected "," or the end, found ")"'],
    ["a=-b", 3, '"-b" cannot stand here: a value is 1 to 63'],
    ["*,a", 1, '"*" cannot stand here: a key is 1 to 63'],
    ["!!a", 2, 'expected a key, found "!"'],
    ["a=b=c", 4, 'expected "," or the end, found "="'],
  ])("that cannot be read is refused with its place: %s", (text, column, message) => {
    expect(parseSelector(text)).toEqual({ _tag: "Refused", column, message: expect.stringContaining(message) });
  });

  test("of more than 2000 characters is not read", () => {
    expect(parseSelector("a".repeat(2001))).toMatchObject({ _tag: "Refused", column: 2001 });
  });

  const word = fc.constantFrom("a", "b", "in", "notin", "site", "toString", "x-1");
  const requirement = fc.oneof(
    fc.record({
      _tag: fc.constantFrom("In" as const, "NotIn" as const),
      key: word,
      values: fc.uniqueArray(word, { minLength: 1 }).map((values) => values.toSorted()),
    }),
    fc.record({ _tag: fc.constantFrom("Exists" as const, "DoesNotExist" as const), key: word }),
  );
  const anySelector = fc.record({ requirements: fc.array(requirement, { maxLength: 6 }) });

  test("written and read again is the same", () => {
    fc.assert(
      fc.property(anySelector, (given) => {
        expect(selector(selectorText(given))).toEqual(given);
      }),
    );
  });

  test("means just those devices of which each of its parts is true", () => {
    const labels = fc.dictionary(word, word);
    const holds = (text: string, of: Readonly<Record<string, string>>): boolean => matches(selector(text), of);
    fc.assert(
      fc.property(anySelector, labels, (given, of) => {
        const alone = given.requirements.map((each) => matches({ requirements: [each] }, of));
        expect(matches(given, of)).toBe(alone.every(Boolean));
        for (const each of given.requirements) {
          if (each._tag === "In") {
            const text = `${each.key} in (${each.values.join(",")})`;
            expect(holds(text, of)).toBe(each.values.some((value) => holds(`${each.key}=${value}`, of)));
          }
          // Each requirement and its opposite divide all devices in two.
          const opposite = ({ In: "NotIn", NotIn: "In", Exists: "DoesNotExist", DoesNotExist: "Exists" } as const)[
            each._tag
          ];
          const other = JSON.parse(JSON.stringify({ ...each, _tag: opposite })) as typeof each;
          expect(matches({ requirements: [other] }, of)).toBe(!matches({ requirements: [each] }, of));
        }
      }),
    );
  });

  test("of any text is read or refused at a place in it", () => {
    const signs = fc.string({ unit: fc.constantFrom(..."ab=!,() *-\tin") });
    fc.assert(
      fc.property(fc.oneof(signs, fc.string({ unit: "binary" })), (text) => {
        const parsed = parseSelector(text);
        if (parsed._tag === "Selector") expect(selector(selectorText(parsed.selector))).toEqual(parsed.selector);
        else expect(parsed.column >= 1 && parsed.column <= text.length + 1).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });
});

describe("agents are selected", () => {
  const publish = async (store: MemoryStore, id: string, labels?: Record<string, string>): Promise<void> => {
    const document = capabilities({ agentId: AgentId.parse(id), ...(labels && { labels }) });
    await store.put("capabilities", id, writeDocument(document));
  };

  test("by the labels that they have published, in the order of their ids", async () => {
    const store = new MemoryStore();
    await store.ensureBuckets();
    for (let at = 0; at < 70; at += 1) await publish(store, `pi-${at + 10}`, { site: at % 2 === 0 ? "paris" : "rome" });
    await publish(store, "plain");
    const found = await selectAgents(store, selector("site=paris"));
    if (found._tag !== "Selected") throw new Error(found.message);
    expect(found.agents.map(({ agentId }) => agentId)).toEqual(
      Array.from({ length: 35 }, (_, at) => `pi-${at * 2 + 10}`),
    );
    expect(await selectAgents(store, selector("!site"))).toMatchObject({ agents: [{ agentId: "plain" }] });
  });

  test("and those of whom nobody can tell are named, and not counted as not meant", async () => {
    const store = new MemoryStore();
    await store.ensureBuckets();
    await publish(store, "pi-1", { site: "paris" });
    await store.put("capabilities", "pi-2", new TextEncoder().encode('{"labels":{"site":"par is"}}'));
    expect(await selectAgents(store, selector("*"))).toMatchObject({
      agents: [{ agentId: "pi-1" }],
      unreadable: [{ agentId: "pi-2" }],
    });
  });

  test("is nobody on a server without buckets, and unknown where it does not answer", async () => {
    const store = new MemoryStore();
    expect(await selectAgents(store, selector("*"))).toEqual({ _tag: "Selected", agents: [], unreadable: [] });
    await store.ensureBuckets();
    await publish(store, "pi-1");
    store.fail("before", { only: ["get"] });
    expect(await selectAgents(store, selector("*"))).toMatchObject({ _tag: "Unreachable", reason: "TimedOut" });
  });
});
