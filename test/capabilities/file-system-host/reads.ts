import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { refusal, text, type Stage, type Subject } from "./stage.ts";

const link = (at: string) => ({ type: "unreachable", at, because: "link" });
const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");
const EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const MiB = 1024 * 1024;

const HARD_NAMES = [
  "with space",
  "new\nline",
  "-rf",
  "...",
  ".hidden",
  "~",
  "*",
  "$(id)",
  "%s",
  "\\",
  "\u202eabc",
  "é",
  "e\u0301",
  "日本語",
  "😀",
  "a".repeat(255),
  "é".repeat(127),
];

const INVALID_PATHS = [
  "",
  "etc",
  "./etc",
  "//",
  "/a/",
  "/a//b",
  "//a",
  "/.",
  "/..",
  "/a/..",
  "/a/../b",
  "/a/./b",
  "/a\0b",
  "/a\0",
  "/half \ud83d of a pair",
  `/${"a".repeat(256)}`,
  `/${"é".repeat(128)}`,
  `/missing/${"a".repeat(256)}`,
  "/a".repeat(2048),
];

export function inspectContract(stage: () => Stage, subject: Subject): void {
  const { owner, group } = subject.agent;
  const noOwners = subject.noOwners === undefined ? "" : ` (skipped: ${subject.noOwners})`;

  describe("examine", () => {
    const { signal } = new AbortController();
    it("tells all that inspect does, and the hash of a file of any size", async () => {
      const { host, put } = stage();
      const bytes = Uint8Array.from({ length: 3_000_000 }, (_, index) => (index * 13) % 256);
      await put("/large", { type: "file", bytes });
      await put("/d", { type: "directory" });
      const hash = sha256(bytes);
      const hashUpTo = bytes.length;
      const entry = await host.examine("/large", { hashUpTo, signal });
      expect(entry).toEqual({ ...host.inspect("/large", { hashUpTo: 0 }), sha256: hash });
      expect(await host.examine("/large", { hashUpTo, signal })).toEqual(entry);
      for (const path of ["/d", "/none", "/no/such"]) {
        expect(await host.examine(path, { hashUpTo, signal })).toEqual(host.inspect(path));
      }
      expect(await host.examine("/large", { hashUpTo: hashUpTo - 1, signal })).toMatchObject({ sha256: null });
      await put("/large", { type: "file", bytes: bytes.toReversed() });
      expect(await host.examine("/large", { hashUpTo, signal })).not.toMatchObject({ sha256: hash });
    });
  });

  describe("sharedText", () => {
    const read = ({ host }: Stage, path: string, upTo = 100) => host.sharedText(path, { upTo });

    it("tells the whole text of a file that everybody may read", async () => {
      const at = stage();
      await at.put("/d/e/f", { type: "file", text: "é\r\n\u{feff}x", mode: "0644" });
      await at.put("/empty", { type: "file", text: "", mode: "0604" });
      expect(read(at, "/d/e/f")).toEqual({ type: "text", text: "é\r\n\u{feff}x" });
      expect(read(at, "/empty")).toEqual({ type: "text", text: "" });
      expect(read(at, "/empty", 0)).toEqual({ type: "text", text: "" });
    });

    it("tells nothing of a file that not everybody may read, by its own mode or by that of a directory on the way", async () => {
      const at = stage();
      for (const mode of ["0600", "0640", "0660", "0643"]) {
        await at.put("/f", { type: "file", text: "private", mode });
        expect(read(at, "/f")).toEqual({ type: "withheld", because: "private" });
      }
      await at.put("/d/e/f", { type: "file", text: "private", mode: "0644" });
      for (const [path, mode] of [
        ["/d", "0700"],
        ["/d/e", "0754"],
      ] as const) {
        await at.put(path, { type: "directory", mode });
        expect(read(at, "/d/e/f")).toEqual({ type: "withheld", because: "private" });
        await at.put(path, { type: "directory", mode: "0711" });
        expect(read(at, "/d/e/f")).toEqual({ type: "text", text: "private" });
      }
    });

    it("tells no more than was asked for, and nothing that is no text", async () => {
      const at = stage();
      await at.put("/f", { type: "file", text: "12345", mode: "0644" });
      expect(read(at, "/f", 5)).toEqual({ type: "text", text: "12345" });
      expect(read(at, "/f", 4)).toEqual({ type: "withheld", because: "too-large" });
      for (const bytes of [Uint8Array.of(0x61, 0), Uint8Array.of(0xff), Uint8Array.of(0xc3)]) {
        await at.put("/b", { type: "file", bytes, mode: "0644" });
        expect(read(at, "/b")).toEqual({ type: "withheld", because: "no-text" });
      }
    });

    it("tells nothing where no regular file stands, and follows no link", async () => {
      const at = stage();
      await at.put("/real/f", { type: "file", text: "x", mode: "0644" });
      await at.put("/link", { type: "link", target: "/real/f" });
      await at.put("/way", { type: "link", target: "/real" });
      await at.put("/fifo", { type: "special" });
      for (const path of ["/link", "/way/f", "/fifo", "/real", "/none", "/no/such", "/real/f/g"]) {
        expect(read(at, path)).toEqual({ type: "none" });
      }
      expect(() => read(at, "etc")).toThrow(expect.objectContaining({ name: "PortError" }));
    });
  });

  describe("inspect", () => {
    it("tells a missing entry whose parent is there", () => {
      expect(stage().host.inspect("/a")).toEqual({ type: "missing", missingParents: [], leftover: false });
    });

    it("names the ancestors that are missing too, outermost first", async () => {
      const { host, put } = stage();
      await put("/a", { type: "directory" });
      expect(host.inspect("/a/b/c/d")).toEqual({
        type: "missing",
        missingParents: ["/a/b", "/a/b/c"],
        leftover: false,
      });
      expect(host.inspect("/x/y")).toEqual({ type: "missing", missingParents: ["/x"], leftover: false });
    });

    it("tells that an interrupted write left its temporary file behind", async () => {
      const { host, put } = stage();
      await put("/a/.motd.harmony-new", { type: "file", text: "half" });
      expect(host.inspect("/a/motd")).toEqual({ type: "missing", missingParents: [], leftover: true });
      expect(host.inspect("/a/mot")).toMatchObject({ leftover: false });
    });

    it("takes only a regular file for a leftover", async () => {
      const { host, put } = stage();
      await put("/.a.harmony-new", { type: "directory" });
      await put("/.b.harmony-new", { type: "link", target: "/c" });
      expect(host.inspect("/a")).toMatchObject({ leftover: false });
      expect(host.inspect("/b")).toMatchObject({ leftover: false });
    });

    it("shortens the temporary name of a long name by its hash", async () => {
      const { host, put } = stage();
      const name = "n".repeat(243);
      await put(`/.${sha256(text(name))}.harmony-new`, { type: "file", text: "half" });
      await put(`/.${"n".repeat(242)}.harmony-new`, { type: "file", text: "half" });
      expect(host.inspect(`/${name}`)).toMatchObject({ type: "missing", leftover: true });
      expect(host.inspect(`/${"n".repeat(242)}`)).toMatchObject({ type: "missing", leftover: true });
    });

    it("tells size, permissions, owner and hash of a regular file", async () => {
      const { host, put } = stage();
      await put("/a/f", { type: "file", text: "hello\n", mode: "4750" });
      expect(host.inspect("/a/f")).toEqual({
        type: "file",
        size: 6,
        mode: "4750",
        owner,
        group,
        uid: expect.any(Number),
        gid: expect.any(Number),
        sha256: "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03",
      });
      await put("/a/none", { type: "file", text: "" });
      expect(host.inspect("/a/none")).toMatchObject({ size: 0, sha256: EMPTY });
    });

    it.skipIf(noOwners !== "")(
      `tells owners by name, and by number where the host knows no name${noOwners}`,
      async () => {
        const { host, put } = stage();
        await put("/f", { type: "file", text: "", owner: "alice", group: "staff" });
        expect(host.inspect("/f")).toMatchObject({ owner: "alice", uid: 1001, group: "staff", gid: 50 });
        await put("/d", { type: "directory", owner: "54321", group: "54322" });
        expect(host.inspect("/d")).toMatchObject({ owner: "54321", uid: 54_321, group: "54322", gid: 54_322 });
      },
    );

    it("sees new content, a new type and a removal at the next look", async () => {
      const { host, put, take } = stage();
      await put("/f", { type: "file", text: "one" });
      expect(host.inspect("/f")).toMatchObject({ sha256: sha256(text("one")) });
      await put("/f", { type: "file", text: "two" });
      expect(host.inspect("/f")).toMatchObject({ sha256: sha256(text("two")) });
      await take("/f");
      await put("/f", { type: "link", target: "/x" });
      expect(host.inspect("/f")).toMatchObject({ type: "link" });
      await take("/f");
      await put("/f", { type: "directory" });
      expect(host.inspect("/f")).toMatchObject({ type: "directory" });
      await take("/f");
      expect(host.inspect("/f")).toMatchObject({ type: "missing" });
    });

    it.each([65_535, 65_536, 65_537, 200_000])("hashes a file of %i bytes whole", async (size) => {
      const { host, put } = stage();
      const bytes = Uint8Array.from({ length: size }, (_, index) => index % 251);
      await put("/f", { type: "file", bytes });
      expect(host.inspect("/f")).toMatchObject({ size, sha256: sha256(bytes) });
    });

    it("reads no file larger than hashUpTo, which is 1 MiB by default", async () => {
      const { host, put } = stage();
      await put("/f", { type: "file", text: "12345" });
      expect(host.inspect("/f", { hashUpTo: 5 })).toMatchObject({ size: 5, sha256: sha256(text("12345")) });
      expect(host.inspect("/f", { hashUpTo: 4 })).toMatchObject({ size: 5, sha256: null });
      expect(host.inspect("/f", { hashUpTo: 0 })).toMatchObject({ size: 5, sha256: null });
      await put("/large", { type: "file", bytes: new Uint8Array(MiB) });
      expect(host.inspect("/large")).toMatchObject({ size: MiB, sha256: sha256(new Uint8Array(MiB)) });
      await put("/large", { type: "file", bytes: new Uint8Array(MiB + 1) });
      expect(host.inspect("/large")).toMatchObject({ size: MiB + 1, sha256: null });
      expect(host.inspect("/large", { hashUpTo: 2 * MiB })).toMatchObject({ sha256: sha256(new Uint8Array(MiB + 1)) });
    });

    it("tells a directory, and whether it is empty", async () => {
      const { host, put } = stage();
      await put("/d", { type: "directory", mode: "2750" });
      expect(host.inspect("/d")).toMatchObject({ type: "directory", mode: "2750", owner, group, empty: true });
      await put("/d/.x", { type: "link", target: "nowhere" });
      expect(host.inspect("/d")).toMatchObject({ type: "directory", empty: false });
      expect(host.inspect("/")).toMatchObject({ type: "directory", empty: false });
    });

    it("tells a link as it is written, and does not follow it", async () => {
      const { host, put } = stage();
      await put("/real/f", { type: "file", text: "" });
      for (const target of ["/real/f", "real", "../../..", "/nowhere", " "]) {
        await put("/l", { type: "link", target });
        expect(host.inspect("/l")).toEqual({ type: "link", target });
      }
    });

    it("tells a fifo as special, without waiting for its writer", async () => {
      const { host, put } = stage();
      await put("/p", { type: "special" });
      expect(host.inspect("/p")).toEqual({ type: "special" });
      expect(host.inspect("/p/x")).toEqual({ type: "unreachable", at: "/p", because: "not-a-directory" });
    });

    it("is stopped by the outermost ancestor that is no directory", async () => {
      const { host, put } = stage();
      await put("/real/sub/f", { type: "file", text: "" });
      await put("/abs", { type: "link", target: "/real" });
      await put("/real/rel", { type: "link", target: "sub" });
      await put("/real/up", { type: "link", target: "../../../.." });
      expect(host.inspect("/abs/sub/f")).toEqual(link("/abs"));
      expect(host.inspect("/abs/rel/f")).toEqual(link("/abs"));
      expect(host.inspect("/real/rel/f")).toEqual(link("/real/rel"));
      expect(host.inspect("/real/up/etc/passwd")).toEqual(link("/real/up"));
      expect(host.inspect("/real/sub/f/x/y")).toEqual({
        type: "unreachable",
        at: "/real/sub/f",
        because: "not-a-directory",
      });
    });

    it.each(HARD_NAMES)("takes the name %j literally", async (name) => {
      const { host, put, tree } = stage();
      await put(`/${name}/${name}`, { type: "file", text: name });
      expect(host.inspect(`/${name}/${name}`)).toMatchObject({ type: "file", sha256: sha256(text(name)) });
      await host.writeFile(`/${name}/${name}`, text("new"), {});
      expect(tree()).toMatchObject({ [`/${name}/${name}`]: { text: "new" } });
      expect(Object.keys(tree())).toHaveLength(2);
    });

    it("reaches a path of the greatest length", async () => {
      const { host, put } = stage();
      const path = `/${"a".repeat(200)}`.repeat(20);
      await put(path, { type: "file", text: "deep" });
      expect(host.inspect(path)).toMatchObject({ sha256: sha256(text("deep")) });
      await host.removeFile(path);
      expect(host.inspect(path)).toMatchObject({ type: "missing", missingParents: [] });
    });
  });

  describe.each(INVALID_PATHS.map((path) => [path.length > 40 ? `${path.slice(0, 40)}…` : path, path]))(
    "the path %j",
    (_, path) => {
      const invalid = { code: "Invalid", blame: "author", retryable: false };
      it("is refused by every method, and nothing is touched", async () => {
        const { host, tree } = stage();
        const before = tree();
        expect(await refusal(path, () => host.inspect(path))).toMatchObject(invalid);
        expect(await refusal(path, () => host.watch(path, () => undefined))).toMatchObject(invalid);
        expect(await refusal(path, () => host.makeDirectory(path, {}))).toMatchObject(invalid);
        expect(await refusal(path, () => host.writeFile(path, text(""), {}))).toMatchObject(invalid);
        expect(await refusal(path, () => host.setAttributes(path, {}))).toMatchObject(invalid);
        expect(await refusal(path, () => host.removeFile(path))).toMatchObject(invalid);
        expect(await refusal(path, () => host.removeDirectory(path))).toMatchObject(invalid);
        expect(tree()).toEqual(before);
      });
    },
  );
}
