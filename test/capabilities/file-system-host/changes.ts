import { describe, expect, it } from "vitest";
import type { FileSystemHost } from "../../../src/capabilities/index.ts";
import type { FakeEntry } from "../../../src/testing/fake-file-system.ts";
import { allRefused, refusal, refusals, text, type NamedCall, type Stage, type Subject } from "./stage.ts";

const file = (content: string): FakeEntry => ({ type: "file", text: content });
const directory: FakeEntry = { type: "directory" };
const obstructed = { code: "Obstructed", blame: "device" };
const notFound = { code: "NotFound", blame: "author" };

/** Every call that changes something, made on one path. */
export const changesOf = (host: FileSystemHost, path: string): readonly NamedCall[] => [
  ["makeDirectory", () => host.makeDirectory(path, {})],
  ["writeFile", () => host.writeFile(path, text("new"), {})],
  ["setAttributes", () => host.setAttributes(path, { mode: "0600" })],
  ["removeFile", () => host.removeFile(path)],
  ["removeDirectory", () => host.removeDirectory(path)],
];

export function changeContract(stage: () => Stage, subject: Subject): void {
  const { owner, group } = subject.agent;
  const noOwners = subject.noOwners === undefined ? "" : ` (skipped: ${subject.noOwners})`;

  describe("makeDirectory", () => {
    it("makes one directory, 0755 and the agent's own by default", async () => {
      const { host, tree } = stage();
      await host.makeDirectory("/d", {});
      expect(tree()).toEqual({ "/d": { type: "directory", mode: "0755", owner, group } });
    });

    it("gives it the permissions asked for", async () => {
      const { host, tree } = stage();
      await host.makeDirectory("/d", { mode: "3700" });
      expect(tree()).toMatchObject({ "/d": { mode: "3700" } });
    });

    it.skipIf(noOwners !== "")(`gives it the owner asked for${noOwners}`, async () => {
      const { host, tree } = stage();
      await host.makeDirectory("/d", { owner: "alice", group: "50" });
      expect(tree()).toEqual({ "/d": { type: "directory", mode: "0755", owner: "alice", group: "staff" } });
    });

    it("leaves the attributes of a directory that is there alone", async () => {
      const { host, put, tree } = stage();
      await put("/d", { type: "directory", mode: "0711" });
      const before = tree();
      await host.makeDirectory("/d", { mode: "0700" });
      await host.makeDirectory("/", { mode: "0700" });
      expect(tree()).toEqual(before);
    });

    it("makes no parents", async () => {
      const { host, tree } = stage();
      expect(await refusal("/a/b", () => host.makeDirectory("/a/b", {}))).toMatchObject(notFound);
      expect(tree()).toEqual({});
    });

    it("refuses where a file or a link stands, even a link to a directory", async () => {
      const { host, put, tree } = stage();
      await put("/f", file("kept"));
      await put("/real", directory);
      await put("/l", { type: "link", target: "/real" });
      await put("/dangling", { type: "link", target: "/nowhere" });
      const before = tree();
      for (const path of ["/f", "/l", "/dangling"]) {
        expect(await refusal(path, () => host.makeDirectory(path, {}))).toMatchObject(obstructed);
      }
      expect(tree()).toEqual(before);
    });
  });

  describe("setAttributes", () => {
    it("sets the permissions of a file and of a directory", async () => {
      const { host, put, tree } = stage();
      await put("/f", file("kept"));
      await put("/d/x", file("kept"));
      await host.setAttributes("/f", { mode: "0400" });
      await host.setAttributes("/d", { mode: "1777" });
      expect(tree()).toMatchObject({
        "/f": { mode: "0400", text: "kept" },
        "/d": { mode: "1777" },
        "/d/x": { mode: "0644" },
      });
    });

    it.skipIf(noOwners !== "")(`sets owner and group, and leaves what is left out as it is${noOwners}`, async () => {
      const { host, put, tree } = stage();
      await put("/f", { type: "file", text: "kept", mode: "6755", owner: "alice", group: "staff" });
      await host.setAttributes("/f", {});
      expect(tree()).toMatchObject({ "/f": { mode: "6755", owner: "alice", group: "staff" } });
      await host.setAttributes("/f", { owner: "bob" });
      expect(tree()).toMatchObject({ "/f": { mode: "6755", owner: "bob", group: "staff" } });
      await host.setAttributes("/f", { group: "0" });
      expect(tree()).toMatchObject({ "/f": { mode: "6755", owner: "bob", group: "root" } });
      await host.setAttributes("/f", { owner: "54321", mode: "0600" });
      expect(tree()).toMatchObject({ "/f": { mode: "0600", owner: "54321", group: "root" } });
    });

    it("refuses where nothing stands, or a link", async () => {
      const { host, put, tree } = stage();
      await put("/real", file("kept"));
      await put("/l", { type: "link", target: "/real" });
      const before = tree();
      expect(await refusal("/none", () => host.setAttributes("/none", { mode: "0600" }))).toMatchObject(notFound);
      expect(await refusal("/a/b", () => host.setAttributes("/a/b", { mode: "0600" }))).toMatchObject(notFound);
      expect(await refusal("/l", () => host.setAttributes("/l", { mode: "0600" }))).toMatchObject(obstructed);
      expect(tree()).toEqual(before);
    });
  });

  describe("removeFile", () => {
    it("removes a regular file, and what an interrupted write left beside it", async () => {
      const { host, put, tree } = stage();
      await put("/d/f", file("x"));
      await put("/d/.f.harmony-new", file("half"));
      await put("/d/other", file("kept"));
      await host.removeFile("/d/f");
      expect(Object.keys(tree())).toEqual(["/d", "/d/other"]);
      await put("/d/.f.harmony-new", file("half"));
      await host.removeFile("/d/f");
      expect(Object.keys(tree())).toEqual(["/d", "/d/other"]);
    });

    it("succeeds when there is none, nor a directory for it", async () => {
      const { host, tree } = stage();
      await host.removeFile("/f");
      await host.removeFile("/a/b/f");
      expect(tree()).toEqual({});
    });

    it("refuses a directory and a link, and leaves a directory under the temporary name alone", async () => {
      const { host, put, tree } = stage();
      await put("/d", directory);
      await put("/l", { type: "link", target: "/d" });
      await put("/.f.harmony-new", directory);
      const before = tree();
      for (const path of ["/", "/d", "/l"]) {
        expect(await refusal(path, () => host.removeFile(path))).toMatchObject(obstructed);
      }
      await host.removeFile("/f");
      expect(tree()).toEqual(before);
    });
  });

  describe("removeDirectory", () => {
    it("removes an empty directory", async () => {
      const { host, put, tree } = stage();
      await put("/d/e", directory);
      await host.removeDirectory("/d/e");
      expect(Object.keys(tree())).toEqual(["/d"]);
    });

    it("succeeds when there is none, nor a directory for it", async () => {
      const { host, tree } = stage();
      await host.removeDirectory("/d");
      await host.removeDirectory("/a/b/d");
      expect(tree()).toEqual({});
    });

    it("refuses what is not an empty directory", async () => {
      const { host, put, tree } = stage();
      await put("/d/f", file("kept"));
      await put("/real", directory);
      await put("/l", { type: "link", target: "/real" });
      const before = tree();
      for (const path of ["/d", "/d/f", "/l"]) {
        expect(await refusal(path, () => host.removeDirectory(path))).toMatchObject(obstructed);
      }
      expect(await refusal("/", () => host.removeDirectory("/"))).toMatchObject({ code: "Invalid", blame: "author" });
      expect(tree()).toEqual(before);
    });
  });

  describe("every change", () => {
    it("is refused behind a link or a file, and touches nothing", async () => {
      const { host, put, tree } = stage();
      await put("/real/sub", directory);
      await put("/real/f", file("kept"));
      await put("/l", { type: "link", target: "/real" });
      await put("/real/rel", { type: "link", target: "sub" });
      const before = tree();
      for (const path of ["/l/f", "/l/new", "/l/sub", "/real/rel/x", "/l/rel/x", "/real/f/x"]) {
        const changes = changesOf(host, path);
        expect(await refusals(path, changes)).toEqual(allRefused(changes, "Obstructed"));
      }
      expect(tree()).toEqual(before);
    });

    it("is refused where a fifo stands", async () => {
      const { host, put, tree } = stage();
      await put("/p", { type: "special" });
      const changes = [...changesOf(host, "/p"), ...changesOf(host, "/p/x")];
      expect(await refusals("/p", changes)).toEqual(allRefused(changes, "Obstructed"));
      expect(tree()).toEqual({ "/p": { type: "special" } });
    });

    it("refuses a mode that is not four octal digits, before it looks at anything else", async () => {
      const { host, tree } = stage();
      for (const mode of ["644", "00644", "0888", "u+rwx", "0o644", ""]) {
        for (const call of [
          () => host.makeDirectory("/a/b", { mode }),
          () => host.writeFile("/a/b", text(""), { mode }),
          () => host.setAttributes("/a/b", { mode }),
        ]) {
          expect(await refusal("/a/b", call)).toMatchObject({ code: "Invalid", blame: "author", retryable: false });
        }
      }
      expect(tree()).toEqual({});
    });

    it("refuses an owner or a group that the host does not know, which may be there at the next try", async () => {
      const { host, tree } = stage();
      for (const attributes of [
        { owner: "nosuchuser" },
        { group: "nosuchgroup" },
        { owner: "" },
        { owner: "4294967295" },
      ]) {
        for (const call of [
          () => host.makeDirectory("/d", attributes),
          () => host.writeFile("/f", text(""), attributes),
          () => host.setAttributes("/f", attributes),
        ]) {
          expect(await refusal("/f", call)).toMatchObject({ code: "Invalid", blame: "author", retryable: true });
        }
      }
      expect(tree()).toEqual({});
    });

    it("refuses to make what has the name of a temporary file", async () => {
      const { host, tree } = stage();
      const changes = changesOf(host, "/.f.harmony-new").slice(0, 3);
      expect(await refusals("/.f.harmony-new", changes)).toEqual(allRefused(changes, "Invalid"));
      expect(tree()).toEqual({});
    });
  });
}
