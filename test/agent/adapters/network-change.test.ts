import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { BackEnd } from "../../../src/agent/adapters/network-back-end.ts";
import { type Managed, NetworkChange } from "../../../src/agent/adapters/network-change.ts";
import { NetworkNotes, type Trying } from "../../../src/agent/adapters/network-notes.ts";
import { NodeFileSystem } from "../../../src/agent/adapters/node-file-system.ts";
import { PortError } from "../../../src/capabilities/port-error.ts";

/** A back end whose profile is one address in a file; it works by what `use` read last, and notes what is asked of it. */
class Bench implements BackEnd {
  readonly name = "NetworkManager";
  readonly mode = "0644";
  readonly folder = mkdtempSync(join(tmpdir(), "harmony-test-change-"));
  readonly notes = new NetworkNotes(join(this.folder, "notes"));
  readonly asked: string[] = [];
  readonly files = new NodeFileSystem();
  address = "theirs";
  /** What is armed is there, and has not gone off. */
  armed = false;
  refuses: PortError | null = null;
  /** By which addresses the server is reached. */
  reaches: (address: string) => boolean = () => true;
  readonly #change = new NetworkChange({
    files: this.files,
    notes: this.notes,
    reachable: () => Promise.resolve(this.reaches(this.address)),
    look: () => Promise.resolve(this.managed()),
  });

  managed(): Managed {
    const live = { backEnd: this.name, mac: "", mtu: 1500, up: true, carrier: true, routes: [], dns: [] } as const;
    const addresses = [{ address: this.address, origin: "static" } as const];
    return {
      ...{ _tag: "Managed", name: "eth0", backEnd: this, settled: true, active: "theirs" },
      inEffect: this.address !== "theirs",
      live: { ...live, addresses },
    };
  }
  attempt(address: string, signal: AbortSignal = new AbortController().signal, ms = 0): Promise<void> {
    const content = { id: `id-${address}`, attempt: 1 };
    return this.#change.attempt(this.managed(), content, address, ms, signal, {
      apply: () => this.#change.put(this, "eth0", address, signal),
      lacks: ({ live }) => (live.addresses[0]?.address === address ? [] : [`${address} is missing`]),
    });
  }
  takeBack(trying: Trying): Promise<boolean> {
    const { signal } = new AbortController();
    return this.#change.takeBack("eth0", this, trying, { isToBlame: true }, signal);
  }

  version = (): Promise<string> => Promise.resolve("1");
  look = (): Promise<never> => Promise.reject(new Error("not used here"));
  file = (): string => join(this.folder, "profile");
  text = (): string => "";
  async arm(): Promise<string> {
    this.asked.push("arm");
    this.armed = true;
    return "token";
  }
  async disarm(): Promise<boolean> {
    this.asked.push("disarm");
    const was = this.armed;
    this.armed = false;
    return was;
  }
  async fire(): Promise<boolean> {
    this.asked.push("fire");
    this.armed = false;
    return false;
  }
  async use(): Promise<void> {
    const { trying } = this.notes.read("eth0");
    this.asked.push(`use, with ${trying === null ? "nothing" : trying.id} on the note`);
    if (this.refuses !== null) throw this.refuses;
    this.address = readFileSync(this.file(), "utf8");
  }
  async leave(): Promise<void> {
    this.asked.push("leave");
    await rm(this.file(), { force: true });
    this.address = "theirs";
  }
  repair = (): Promise<void> => Promise.resolve();
  close(): void {
    this.files.close();
  }
}

function bench(): Bench {
  const made = new Bench();
  onTestFinished(() => {
    made.close();
    rmSync(made.folder, { recursive: true });
  });
  return made;
}

const isRolledBack = { problem: { code: "RolledBack", retryable: false } };

test("the way back is armed and noted before anything is changed, and called off once the server answers", async () => {
  const made = bench();
  await made.attempt("ours");
  expect(made.asked).toEqual(["arm", "use, with id-ours on the note", "disarm"]);
  expect(made.notes.read("eth0")).toMatchObject({
    stored: { id: "id-ours" },
    confirmed: "id-ours",
    trying: null,
    rolledBack: null,
    original: { text: null, addresses: ["theirs"] },
  });
});

test("without an answer the former state comes back, with the first profile as with a later one", async () => {
  const made = bench();
  made.reaches = (address) => address !== "wrong";
  await expect(made.attempt("wrong")).rejects.toMatchObject(isRolledBack);
  expect([made.address, existsSync(made.file())]).toEqual(["theirs", false]);
  await made.attempt("ours");
  await expect(made.attempt("wrong")).rejects.toMatchObject(isRolledBack);
  expect([made.address, readFileSync(made.file(), "utf8")]).toEqual(["ours", "ours"]);
  expect(made.notes.read("eth0")).toMatchObject({
    stored: { id: "id-ours" },
    confirmed: "id-ours",
    rolledBack: { id: "id-wrong", attempt: 1 },
    trying: null,
  });
});

test("what was armed and has gone off by itself is no confirmation", async () => {
  const made = bench();
  const arm = made.arm.bind(made);
  made.arm = async () => {
    const token = await arm();
    made.armed = false;
    return token;
  };
  await expect(made.attempt("ours")).rejects.toMatchObject(isRolledBack);
  expect(made.address).toBe("theirs");
});

test("where the server does not answer beforehand, nothing is armed, written or changed", async () => {
  const made = bench();
  made.reaches = () => false;
  await expect(made.attempt("ours")).rejects.toMatchObject({ problem: { code: "Unavailable" } });
  expect([made.asked, made.address, existsSync(made.file())]).toEqual([[], "theirs", false]);
});

test("what was confirmed once is put back even where the server cannot be reached", async () => {
  const made = bench();
  await made.attempt("ours");
  await made.leave();
  made.reaches = () => false;
  await made.attempt("ours");
  expect(made.address).toBe("ours");
});

test("a profile that the back end refuses is that error, is taken away, and is not held to be tried", async () => {
  const made = bench();
  made.refuses = new PortError({ code: "Invalid", blame: "author", message: "no", next: "Correct it." });
  await expect(made.attempt("ours")).rejects.toMatchObject({ problem: { code: "Invalid" } });
  expect(existsSync(made.file())).toBe(false);
  expect(made.notes.read("eth0")).toMatchObject({ trying: null, rolledBack: null });
});

test("a stop in the middle takes the change back, and is not held against it", async () => {
  const made = bench();
  const stop = new AbortController();
  made.reaches = (address) => {
    if (address === "ours") stop.abort();
    return address === "theirs";
  };
  await expect(made.attempt("ours", stop.signal, 60_000)).rejects.toMatchObject({ name: "AbortError" });
  expect(made.address).toBe("theirs");
  expect(made.notes.read("eth0")).toMatchObject({ trying: null, rolledBack: null });
});

test("what is found done already by the way back is only noted", async () => {
  const made = bench();
  await made.attempt("ours");
  const before = { text: "ours", active: null, mac: "", mtu: 1500, up: true, addresses: ["ours"] };
  made.asked.length = 0;
  const trying = { id: "id-x", attempt: 1, backEnd: made.name, token: "t", sha256: "of another text", before } as const;
  expect(await made.takeBack(trying)).toBe(true);
  expect(made.asked).toEqual(["fire"]);
  expect(made.notes.read("eth0")).toMatchObject({ rolledBack: { id: "id-x" }, stored: { id: "id-ours" } });
});
