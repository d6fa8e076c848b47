import { describe, expect, it } from "vitest";
import { PortError } from "../../../src/capabilities/index.ts";
import type { FakeEntry } from "../../../src/testing/fake-file-system.ts";
import { refusal, text, turn, type Stage, type Subject } from "./stage.ts";

const file = (content: string): FakeEntry => ({ type: "file", text: content });
const directory: FakeEntry = { type: "directory" };
const obstructed = { code: "Obstructed", blame: "device" };
const notFound = { code: "NotFound", blame: "author" };

export function writeContract(stage: () => Stage, subject: Subject): void {
  const { owner, group } = subject.agent;
  const noOwners = subject.noOwners === undefined ? "" : ` (skipped: ${subject.noOwners})`;

  describe("writeFile", () => {
    it("makes a new file, 0644 and the agent's own by default", async () => {
      const { host, tree } = stage();
      await host.writeFile("/f", text("hello"), {});
      expect(tree()).toEqual({ "/f": { type: "file", text: "hello", mode: "0644", owner, group } });
    });

    it("writes exactly these bytes, none or many", async () => {
      const { host, tree } = stage();
      const bytes = Uint8Array.from({ length: 300_000 }, (_, index) => (index * 7) % 256);
      await host.writeFile("/many", bytes, {});
      await host.writeFile("/none", new Uint8Array(), {});
      await host.writeFile("/part", bytes.subarray(250, 254), {});
      expect(tree()).toMatchObject({
        "/none": { text: "" },
        "/many": { bytes },
        "/part": { bytes: bytes.slice(250, 254) },
      });
    });

    it("writes what comes piece by piece, and nothing of what breaks off", async () => {
      const { host, put, tree } = stage();
      const bytes = Uint8Array.from({ length: 300_000 }, (_, index) => (index * 11) % 256);
      const buffer = new Uint8Array(70_000);
      async function* pieces(breaksOff = false): AsyncGenerator<Uint8Array> {
        for (let at = 0; at < bytes.length; at += buffer.length) {
          const part = bytes.subarray(at, at + buffer.length);
          // One buffer for all of them, as a reader has that is not to fill the memory.
          buffer.set(part);
          yield buffer.subarray(0, part.length);
          await turn();
        }
        if (breaksOff) throw new PortError({ code: "Corrupt", blame: "device", message: "Broken.", next: "Wait." });
      }
      await host.writePieces("/f", pieces(), { mode: "0600" });
      expect(tree()).toEqual({ "/f": { type: "file", bytes, mode: "0600", owner, group } });
      await put("/g", file("old"));
      expect(await refusal("/g", () => host.writePieces("/g", pieces(true), {}))).toMatchObject({ code: "Corrupt" });
      expect(await refusal("/h", () => host.writePieces("/h", pieces(true), {}))).toMatchObject({ code: "Corrupt" });
      expect(Object.keys(tree())).toEqual(["/f", "/g"]);
      expect(tree()["/g"]).toMatchObject({ text: "old" });
      expect(await refusal("/no", () => host.writePieces("/no/such", pieces(), {}))).toMatchObject(notFound);
      await host.writePieces("/none", (async function* () {})(), {});
      expect(tree()["/none"]).toMatchObject({ text: "" });
    });

    it("replaces a regular file, whose permissions it does not take over", async () => {
      const { host, put, tree } = stage();
      await put("/f", { type: "file", text: "a long old content", mode: "4755" });
      await host.writeFile("/f", text("new"), {});
      expect(tree()).toMatchObject({ "/f": { text: "new", mode: "0644" } });
      await host.writeFile("/f", text("new"), { mode: "6711" });
      expect(tree()).toMatchObject({ "/f": { text: "new", mode: "6711" } });
    });

    it.skipIf(noOwners !== "")(
      `keeps the owner and group of the file it replaces, unless told otherwise${noOwners}`,
      async () => {
        const { host, put, tree } = stage();
        await put("/f", { type: "file", text: "old", owner: "alice", group: "staff" });
        await host.writeFile("/f", text("new"), {});
        expect(tree()).toMatchObject({ "/f": { owner: "alice", group: "staff" } });
        await host.writeFile("/f", text("new"), { owner: "bob" });
        expect(tree()).toMatchObject({ "/f": { owner: "bob", group: "staff" } });
        await host.writeFile("/f", text("new"), { owner: "0", group: "1001", mode: "4755" });
        expect(tree()).toMatchObject({ "/f": { owner: "root", group: "alice", mode: "4755" } });
      },
    );

    it("clears what an interrupted write left behind, whatever it is but a directory", async () => {
      const { host, put, tree } = stage();
      await put("/outside", file("kept"));
      for (const leftover of [file("half"), { type: "link", target: "/outside" } as const]) {
        await put("/.f.harmony-new", leftover);
        await host.writeFile("/f", text("whole"), {});
        expect(tree()).toMatchObject({ "/f": { text: "whole" }, "/outside": { text: "kept" } });
        expect(tree()).not.toHaveProperty(["/.f.harmony-new"]);
      }
      await put("/.f.harmony-new", directory);
      expect(await refusal("/f", () => host.writeFile("/f", text("x"), {}))).toMatchObject(obstructed);
      expect(tree()).toMatchObject({ "/f": { text: "whole" }, "/.f.harmony-new": directory });
    });

    it("refuses where a directory or a link stands, and leaves it and nothing else", async () => {
      const { host, put, tree } = stage();
      await put("/d", directory);
      await put("/real", file("kept"));
      await put("/l", { type: "link", target: "/real" });
      await put("/dangling", { type: "link", target: "/nowhere" });
      const before = tree();
      for (const path of ["/", "/d", "/l", "/dangling"]) {
        expect(await refusal(path, () => host.writeFile(path, text("x"), {}))).toMatchObject(obstructed);
      }
      expect(tree()).toEqual(before);
    });

    it("makes no parents, and says what to do", async () => {
      const { host, tree } = stage();
      const problem = await refusal("/a/b/f", () => host.writeFile("/a/b/f", text("x"), {}));
      expect(problem).toMatchObject(notFound);
      expect(problem.next).toMatch(/parent directories/);
      expect(tree()).toEqual({});
    });

    it("shows a reader the old bytes or the new ones, never a part", async () => {
      const { host, tree } = stage();
      const [first, second] = [new Uint8Array(3_000_000).fill(1), new Uint8Array(2_000_000).fill(2)];
      const look = () => host.inspect("/f", { hashUpTo: 4_000_000 });
      await host.writeFile("/f", first, { mode: "0600" });
      const old = look();
      await host.writeFile("/f", second, { mode: "0640" });
      const fresh = look();
      for (const [bytes, mode] of [
        [first, "0600"],
        [second, "0640"],
      ] as const) {
        const write = { done: false };
        const writing = host.writeFile("/f", bytes, { mode }).finally(() => (write.done = true));
        const seen = new Set<string>();
        while (!write.done) {
          seen.add(JSON.stringify(look()));
          await turn();
        }
        await writing;
        expect([JSON.stringify(old), JSON.stringify(fresh)]).toEqual(expect.arrayContaining([...seen]));
        expect(seen.size).toBeGreaterThan(0);
      }
      expect(Object.keys(tree())).toEqual(["/f"]);
    });

    it("lets writes of one path that come at once happen one after the other", async () => {
      const { host, tree } = stage();
      const contents = Array.from({ length: 20 }, (_, index) => String(index).repeat(50_000));
      await Promise.all(contents.map((content) => host.writeFile("/f", text(content), {})));
      expect(tree()).toEqual({ "/f": { type: "file", text: contents.at(-1), mode: "0644", owner, group } });
    });

    it("goes on after a write of the same path that failed", async () => {
      const { host, put, take, tree } = stage();
      await put("/f", directory);
      expect(await refusal("/f", () => host.writeFile("/f", text("x"), {}))).toMatchObject(obstructed);
      await take("/f");
      await host.writeFile("/f", text("x"), {});
      expect(tree()).toMatchObject({ "/f": { text: "x" } });
    });
  });
}
