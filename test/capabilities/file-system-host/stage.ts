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
  put(path: string, entry: FakeEntry): Promise<void>;
  take(path: string): Promise<void>;
  /** All there is but /etc. */
  tree(): Record<string, FakeTreeEntry>;
  close(): void;
}

export interface Subject {
  readonly open: () => Stage;
  /** The names of the user and group that the agent runs as. */
  readonly agent: { readonly owner: string; readonly group: string };
  /** Why owners cannot be changed here; undefined when they can. */
  readonly noOwners: string | undefined;
  /** Why fifos cannot be made here; undefined when they can. */
  readonly noSpecial: string | undefined;
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

export const text = (content: string): Uint8Array => new TextEncoder().encode(content);

/** Waits until something holds; vitest ends the test when it never does. */
export const eventually = (assertion: () => void): Promise<void> => vi.waitFor(assertion, { timeout: 10_000, interval: 2 });

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
