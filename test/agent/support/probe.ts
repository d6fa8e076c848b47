import * as z from "zod";
import { capability } from "../../../src/capabilities/capability.ts";
import { FileSystemHost } from "../../../src/capabilities/file-system-host.ts";
import { SystemdHost } from "../../../src/capabilities/systemd-host.ts";
import { PortError, type PortErrorCode } from "../../../src/capabilities/port-error.ts";
import { KINDS } from "../../../src/scores/index.ts";
import { Score } from "../../../src/scores/score.ts";
import { topology } from "../../../src/topology/topology.ts";

/** A place for named values, which a test can make slow, stubborn or broken. */
export interface ProbeHost {
  read(name: string): Promise<string | null> | string | null;
  set(name: string, value: string): Promise<void>;
  remove(name: string): Promise<void>;
  restart(name: string): Promise<void>;
  /** How often it has been restarted. */
  runOf(name: string): number;
  watch(name: string, changed: () => void): () => void;
}
export const ProbeHost = capability<ProbeHost>()("ProbeHost", { reads: ["read", "runOf", "watch"] });

/** `parts` values named `<name>/<n>`, each set in a step of its own. */
export class ProbeScore extends Score(
  "Probe",
  {
    version: 1,
    requires: [ProbeHost],
    spec: z.strictObject({ name: z.string(), value: z.string(), parts: z.int().default(1) }),
    observed: z.object({ values: z.array(z.string().nullable()) }),
    step: z.object({ do: z.enum(["set", "remove"]), part: z.string() }),
  },
  {
    identity: ({ name }) => `probe:${name}`,
    observe: async ({ name, parts }, { ProbeHost: host }) => {
      const values: (string | null)[] = [];
      for (const part of namesOf(name, parts)) {
        const seen = host.read(part);
        values.push(seen instanceof Promise ? await seen : seen);
      }
      return { values };
    },
    plan: ({ name, value, parts }, { values }) =>
      namesOf(name, parts).flatMap((part, at) => (values[at] === value ? [] : [{ do: "set", part } as const])),
    retire: ({ name, parts }, { values }) =>
      namesOf(name, parts).flatMap((part, at) => (values[at] === null ? [] : [{ do: "remove", part } as const])),
    apply: (step, { value }, { ProbeHost: host }) =>
      step.do === "set" ? host.set(step.part, value) : host.remove(step.part),
    exists: (_, { values }) => values.some((value) => value !== null),
    watch: ({ name }, { ProbeHost: host }, changed) => host.watch(name, changed),
    deadlineMs: 30_000,
  },
) {}

/** A probe that others need not wait for. It has something to restart, and its part number `gathersAt` serves many. */
export class FreeProbeScore extends Score(
  "FreeProbe",
  {
    version: 1,
    requires: [ProbeHost],
    spec: z.strictObject({
      name: z.string(),
      value: z.string(),
      parts: z.int().default(1),
      gathersAt: z.int().default(-1),
    }),
    observed: z.object({ values: z.array(z.string().nullable()), run: z.number().exactOptional() }),
    step: z.object({ do: z.enum(["set", "remove", "restart"]), part: z.string(), gathers: z.boolean() }),
  },
  {
    identity: ({ name }) => `probe:${name}`,
    async observe({ name, parts }, { ProbeHost: host }) {
      const values: (string | null)[] = [];
      for (const part of namesOf(name, parts)) values.push(await host.read(part));
      const run = host.runOf(name);
      return { values, ...(run > 0 && { run }) };
    },
    plan: (wanted, seen) => setsOf(wanted, seen),
    restart: (wanted, seen) =>
      seen.values.includes(null)
        ? setsOf(wanted, seen)
        : [...setsOf(wanted, seen), { do: "restart", part: wanted.name, gathers: false }],
    run: (_, { values, run = 0 }) => (values.includes(null) ? null : String(run)),
    retire: ({ name, parts, gathersAt }, { values }) =>
      namesOf(name, parts).flatMap((part, at) =>
        values[at] === null ? [] : [{ do: "remove", part, gathers: at === gathersAt } as const],
      ),
    apply: (step, { value }, { ProbeHost: host }) =>
      step.do === "set"
        ? host.set(step.part, value)
        : step.do === "remove"
          ? host.remove(step.part)
          : host.restart(step.part),
    exists: (_, { values }) => values.some((value) => value !== null),
    watch: ({ name }, { ProbeHost: host }, changed) => host.watch(name, changed),
    turns: "free",
    pauses: ({ gathers }) => (gathers ? "gather" : null),
  },
) {}

interface FreeProbeSpec {
  readonly name: string;
  readonly value: string;
  readonly parts: number;
  readonly gathersAt: number;
}
const setsOf = (
  { name, value, parts, gathersAt }: FreeProbeSpec,
  { values }: { readonly values: readonly (string | null)[] },
): readonly { readonly do: "set"; readonly part: string; readonly gathers: boolean }[] =>
  namesOf(name, parts).flatMap((part, at) =>
    values[at] === value ? [] : [{ do: "set", part, gathers: at === gathersAt } as const],
  );

/** A probe that others of its port wait for, but nothing else; the first part is what they wait for. */
export class LaneProbeScore extends Score(
  "LaneProbe",
  {
    version: 1,
    requires: [ProbeHost],
    spec: z.strictObject({ name: z.string(), value: z.string(), parts: z.int().default(1) }),
    observed: z.object({ values: z.array(z.string().nullable()) }),
    step: z.object({ do: z.enum(["set", "remove"]), part: z.string(), first: z.boolean() }),
  },
  {
    identity: ({ name }) => `probe:${name}`,
    async observe({ name, parts }, { ProbeHost: host }) {
      const values: (string | null)[] = [];
      for (const part of namesOf(name, parts)) values.push(await host.read(part));
      return { values };
    },
    plan: ({ name, value, parts }, { values }) =>
      namesOf(name, parts).flatMap((part, at) =>
        values[at] === value ? [] : [{ do: "set", part, first: at === 0 } as const],
      ),
    retire: ({ name, parts }, { values }) =>
      namesOf(name, parts).flatMap((part, at) =>
        values[at] === null ? [] : [{ do: "remove", part, first: at === 0 } as const],
      ),
    apply: (step, { value }, { ProbeHost: host }) =>
      step.do === "set" ? host.set(step.part, value) : host.remove(step.part),
    turns: "lane",
    pauses: ({ first }) => (first ? null : "aside"),
  },
) {}

const namesOf = (name: string, parts: number): readonly string[] =>
  Array.from({ length: parts }, (_, at) => `${name}/${at}`);

/** What the tests' agents know and offer: everything of a Pi, and the probe. */
export const TEST_KINDS = [...KINDS, ProbeScore, FreeProbeScore, LaneProbeScore];
export const TestTopology = topology("TestTopology", [FileSystemHost, ProbeHost]);
/** The same with a supervisor, for where the reconciler works without an agent. */
export const RigTopology = topology("RigTopology", [FileSystemHost, SystemdHost, ProbeHost]);

type Trouble =
  | { readonly _tag: "Fails"; readonly code: PortErrorCode }
  | { readonly _tag: "Throws" }
  /** Says that it is done, and did nothing. */
  | { readonly _tag: "Lies" }
  | { readonly _tag: "Waits"; readonly for: Promise<void> };

export class FakeProbe implements ProbeHost {
  readonly values = new Map<string, string>();
  /** Each write that was begun, in order: `set a/0=x`, `remove a/0`, `restart a`. */
  readonly did: string[] = [];
  reads = 0;
  /** Called at each read, with the name. */
  onRead: (name: string) => void = () => {};
  readonly #troubles = new Map<string, Trouble>();
  readonly #runs = new Map<string, number>();
  readonly #blind = new Map<string, Promise<void>>();
  readonly #watchers = new Map<string, Set<() => void>>();

  fails(part: string, code: PortErrorCode = "Failed"): void {
    this.#troubles.set(part, { _tag: "Fails", code });
  }
  throws(part: string): void {
    this.#troubles.set(part, { _tag: "Throws" });
  }
  lies(part: string): void {
    this.#troubles.set(part, { _tag: "Lies" });
  }
  /** Reads of it wait until the returned function is called. */
  blinds(part: string): () => void {
    let release = (): void => {};
    this.#blind.set(part, new Promise((resolve) => (release = resolve)));
    return () => {
      this.heals(part);
      release();
    };
  }
  /** Writes of it wait until the returned function is called. */
  hangs(part: string): () => void {
    let release = (): void => {};
    this.#troubles.set(part, { _tag: "Waits", for: new Promise((resolve) => (release = resolve)) });
    return () => {
      this.heals(part);
      release();
    };
  }
  heals(part: string): void {
    this.#troubles.delete(part);
    this.#blind.delete(part);
  }

  /** Changes it from outside; whoever watches is told in the same moment. */
  tamper(part: string, value: string | null): void {
    if (value === null) this.values.delete(part);
    else this.values.set(part, value);
    this.hint(part.slice(0, part.lastIndexOf("/")));
  }
  hint(name: string): void {
    for (const changed of this.#watchers.get(name) ?? []) changed();
  }
  get watched(): readonly string[] {
    return [...this.#watchers].flatMap(([name, { size }]) => (size > 0 ? [name] : []));
  }

  read(part: string): Promise<string | null> | string | null {
    this.reads += 1;
    this.onRead(part);
    const value = this.values.get(part) ?? null;
    return this.#blind.get(part)?.then(() => value) ?? value;
  }

  async set(part: string, value: string): Promise<void> {
    this.did.push(`set ${part}=${value}`);
    if (await this.#isInWay(part)) return;
    this.values.set(part, value);
  }

  async remove(part: string): Promise<void> {
    this.did.push(`remove ${part}`);
    if (await this.#isInWay(part)) return;
    this.values.delete(part);
  }

  async restart(name: string): Promise<void> {
    this.did.push(`restart ${name}`);
    if (await this.#isInWay(name)) return;
    this.#runs.set(name, this.runOf(name) + 1);
  }
  runOf(name: string): number {
    return this.#runs.get(name) ?? 0;
  }

  watch(name: string, changed: () => void): () => void {
    const watchers = this.#watchers.get(name) ?? new Set();
    this.#watchers.set(name, watchers.add(changed));
    return () => void watchers.delete(changed);
  }

  async #isInWay(part: string): Promise<boolean> {
    const trouble = this.#troubles.get(part);
    switch (trouble?._tag) {
      case "Fails":
        throw new PortError({
          code: trouble.code,
          message: `${part} cannot be changed`,
          blame: "device",
          next: "Nothing: a test did this.",
        });
      case "Throws":
        throw new TypeError(`${part} is a bug`);
      case "Lies":
        return true;
      case "Waits":
        await trouble.for;
        return false;
      case undefined:
        return false;
    }
  }
}
