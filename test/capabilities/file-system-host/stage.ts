import { expect, vi } from "vitest";
import { PortError, type FileSystemHost, type PortProblem } from "../../../src/capabilities/index.ts";
import type { FakeEntry, FakeTreeEntry } from "../../../src/testing/fake-file-system.ts";

/** The accounts that every host under test knows, beside root. */
export const USERS = { root: 0, alice: 1001, bob: 1002 };
export const GROUPS = { root: 0, alice: 1001, staff: 50 };

/** A host under test, empty but for /etc, which the tests leave alone. */
export interface Stage {
  readonly host: FileSystemHost;
  /** What somebody else does to it. Resolves in a later turn of the event loop, as other processes act between turns. */
  readonly put: (path: string, entry: FakeEntry) => Promise<void>;
  readonly take: (path: string) => Promise<void>;
  /** All there is but /etc. */
  readonly tree: () => Record<string, FakeTreeEntry>;
  readonly close: () => void;
}

export interface Subject {
  readonly open: () => Stage;
  /** The names of the user and group that the agent runs as. */
  readonly agent: { readonly owner: string; readonly group: string };
  /** Why owners cannot be changed here; undefined when they can. */
  readonly noOwners: string | undefined;
}

/** The problem that a call is refused with. Fails when it succeeds, or when something else than a proper PortError comes out. */
export async function refusal(path: string, call: () => unknown): Promise<Required<PortProblem>> {
  let thrown: unknown;
  try {
    await call();
  } catch (error) {
    thrown = error;
  }
  if (!(thrown instanceof PortError)) throw new Error(`${path} was not refused by a PortError`, { cause: thrown });
  const { message, next, retryable = true } = thrown.problem;
  expect(message).toMatch(/\.$/);
  expect(next).toMatch(/\.$/);
  return { ...thrown.problem, retryable };
}

/**
 * Makes every call, and gives what each was refused with, as `name: code`. To be compared with what
 * {@link allRefused} gives.
 */
export async function refusals(path: string, calls: readonly NamedCall[]): Promise<string[]> {
  const told: string[] = [];
  for (const [name, call] of calls) told.push(`${name}: ${(await refusal(path, call)).code}`);
  return told;
}

export type NamedCall = readonly [string, () => unknown];

export const allRefused = (calls: readonly NamedCall[], code: string): string[] =>
  calls.map(([name]) => `${name}: ${code}`);

/** Lets the event loop have its turn. */
export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

export const text = (content: string): Uint8Array => new TextEncoder().encode(content);

/** Waits until something holds; vitest ends the test when it never does. */
export const eventually = (assertion: () => void): Promise<void> =>
  vi.waitFor(assertion, { timeout: 10_000, interval: 2 });

/** Lets all events come that are under way: they arrive in order, so that a last one marks the end. */
export async function drain({ host, put, take }: Stage): Promise<void> {
  let seen = false;
  const stop = host.watch("/drained", () => (seen = true));
  await put("/drained", { type: "file", text: "" });
  await eventually(() => expect(seen).toBe(true));
  seen = false;
  await take("/drained");
  await eventually(() => expect(seen).toBe(true));
  stop();
}
