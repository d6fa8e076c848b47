import { describe, expect, it } from "vitest";
import type { FakeEntry } from "../../../src/testing/fake-file-system.ts";
import { drain, eventually, text, type Stage } from "./stage.ts";

const file = (content: string): FakeEntry => ({ type: "file", text: content });
const directory: FakeEntry = { type: "directory" };

type Act = (stage: Stage) => Promise<void>;

/** What is there before, what happens, and the path of which a watcher must hear it. */
const cases: readonly [string, string, Act, Act][] = [
  ["a file that comes", "/d/f", ({ put }) => put("/d", directory), ({ put }) => put("/d/f", file("new"))],
  ["a file in the root", "/f", async () => undefined, ({ put }) => put("/f", file("new"))],
  ["something in the root, to who watches the root", "/", async () => undefined, ({ put }) => put("/f", file("new"))],
  ["new content", "/d/f", ({ put }) => put("/d/f", file("old")), ({ put }) => put("/d/f", file("new"))],
  [
    "an atomic write",
    "/d/f",
    ({ put }) => put("/d/f", file("old")),
    ({ host }) => host.writeFile("/d/f", text("x"), {}),
  ],
  [
    "new permissions",
    "/d/f",
    ({ put }) => put("/d/f", file("")),
    ({ host }) => host.setAttributes("/d/f", { mode: "0600" }),
  ],
  ["a removal", "/d/f", ({ put }) => put("/d/f", file("")), ({ take }) => take("/d/f")],
  [
    "a link in its place",
    "/d/f",
    ({ put }) => put("/d/f", file("")),
    async ({ put, take }) => {
      await take("/d/f");
      await put("/d/f", { type: "link", target: "x" });
    },
  ],
  ["a directory that fills", "/d", ({ put }) => put("/d", directory), ({ put }) => put("/d/f", file(""))],
  ["a directory that empties", "/d", ({ put }) => put("/d/f", file("")), ({ take }) => take("/d/f")],
  [
    "new permissions of a directory",
    "/d",
    ({ put }) => put("/d", directory),
    ({ host }) => host.setAttributes("/d", { mode: "0700" }),
  ],
  ["a removed directory", "/d", ({ put }) => put("/d", directory), ({ host }) => host.removeDirectory("/d")],
  [
    "the removal of a leftover",
    "/d/f",
    ({ put }) => put("/d/.f.harmony-new", file("")),
    ({ host }) => host.removeFile("/d/f"),
  ],
  ["the removal of its parent", "/a/d/f", ({ put }) => put("/a/d/f", file("")), ({ take }) => take("/a/d")],
  ["the removal of all above it", "/a/d/f", ({ put }) => put("/a/d/f", file("")), ({ take }) => take("/a")],
  ["a parent that comes", "/a/d/f", ({ put }) => put("/a", directory), ({ put }) => put("/a/d/f", file(""))],
  [
    "parents that come one by one",
    "/a/b/c/f",
    async () => undefined,
    async (stage) => {
      for (const path of ["/a", "/a/b", "/a/b/c"]) {
        await stage.put(path, directory);
        await drain(stage);
      }
      await stage.put("/a/b/c/f", file(""));
    },
  ],
  [
    "a parent that becomes a link",
    "/a/d/f",
    ({ put }) => put("/a/d/f", file("")),
    async ({ put, take }) => {
      await take("/a/d");
      await put("/a/d", { type: "link", target: "/elsewhere" });
    },
  ],
];

export function watchContract(stage: () => Stage): void {
  /** Starts to watch, and gives a way to wait for the news of what is done: how many calls there were. */
  function listen(path: string) {
    let count = 0;
    const stop = stage().host.watch(path, () => void count++);
    const news = async (act: () => Promise<void>) => {
      const before = count;
      await act();
      await eventually(() => expect(count).toBeGreaterThan(before));
      await drain(stage());
      return count - before;
    };
    return { news, stop, count: () => count };
  }

  describe("watch", () => {
    it.each(cases)("tells of %s", async (_, path, before, act) => {
      await before(stage());
      await drain(stage());
      const { news } = listen(path);
      expect(await news(() => act(stage()))).toBeGreaterThan(0);
    });

    it.each([
      ["the parent", "/a/b/c"],
      ["the grandparent", "/a/b"],
      ["the outermost ancestor", "/a"],
    ])("still sees the file after %s was replaced", async (_, replaced) => {
      const { put, take } = stage();
      await put("/a/b/c/f", file("old"));
      const { news } = listen("/a/b/c/f");
      for (let round = 0; round < 3; round++) {
        expect(await news(() => take(replaced))).toBeGreaterThan(0);
        expect(await news(() => put("/a/b/c", directory))).toBeGreaterThan(0);
        expect(await news(() => put("/a/b/c/f", file("new")))).toBeGreaterThan(0);
        expect(await news(() => put("/a/b/c/f", file("newer")))).toBeGreaterThan(0);
      }
    });

    it("still sees what is in a directory after the directory was replaced", async () => {
      const { put, take } = stage();
      await put("/d", directory);
      const { news } = listen("/d");
      expect(await news(() => take("/d"))).toBeGreaterThan(0);
      expect(await news(() => put("/d", directory))).toBeGreaterThan(0);
      expect(await news(() => put("/d/f", file("")))).toBeGreaterThan(0);
      expect(await news(() => take("/d/f"))).toBeGreaterThan(0);
    });

    it("tells every watcher of a path, and none that has stopped", async () => {
      const { put } = stage();
      await put("/d/f", file(""));
      const [first, second, other] = [listen("/d/f"), listen("/d/f"), listen("/d/other")];
      expect(await first.news(() => put("/d/f", file("1")))).toBeGreaterThan(0);
      expect(second.count()).toBeGreaterThan(0);
      second.stop();
      const heard = second.count();
      expect(await first.news(() => put("/d/f", file("2")))).toBeGreaterThan(0);
      expect(second.count()).toBe(heard);
      second.stop();
      first.stop();
      expect(await other.news(() => put("/d/other", file("")))).toBeGreaterThan(0);
      await put("/d/f", file("3"));
      await drain(stage());
      expect(second.count()).toBe(heard);
      const again = listen("/d/f");
      second.stop();
      expect(await again.news(() => put("/d/f", file("4")))).toBeGreaterThan(0);
    });

    it("does not tell a watcher that another one has just stopped", async () => {
      const { host, put } = stage();
      await put("/d/f", file(""));
      let stopped = false;
      let late = 0;
      const stops: (() => void)[] = [];
      for (const path of ["/d/f", "/d", "/"]) {
        host.watch(path, () => {
          stopped = true;
          for (const stop of stops) stop();
        });
      }
      for (const path of ["/d/f", "/d", "/"]) stops.push(host.watch(path, () => void late++));
      await put("/d", { type: "directory", mode: "0700" });
      await put("/d/f", file("new"));
      await eventually(() => expect(stopped).toBe(true));
      await drain(stage());
      expect(late).toBe(0);
    });

    it("counts one function given twice as two watchers", async () => {
      const { host, put } = stage();
      await put("/f", file(""));
      let count = 0;
      const changed = () => void count++;
      const stop = host.watch("/f", changed);
      host.watch("/f", changed);
      stop();
      await put("/f", file("new"));
      await eventually(() => expect(count).toBeGreaterThan(0));
    });
  });
}
