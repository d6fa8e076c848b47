import { describe, expect, it } from "vitest";
import { PortError } from "../../src/capabilities/index.ts";
import { FakeFileSystem } from "../../src/testing/fake-file-system.ts";
import { fileSystemHostContract } from "../capabilities/file-system-host.contract.ts";
import { fakeStage } from "../capabilities/file-system-host/fake-stage.ts";

fileSystemHostContract("FakeFileSystem", {
  open: fakeStage,
  agent: { owner: "root", group: "root" },
  noOwners: undefined,
});

describe("what FakeFileSystem has for tests", () => {
  it("counts the calls that can change something, refused or not", async () => {
    const fake = new FakeFileSystem();
    fake.inspect("/f");
    fake.put("/x", { type: "directory" });
    expect(fake.writes).toBe(0);
    await fake.makeDirectory("/d", {});
    await fake.makeDirectory("/d", {});
    await fake.writeFile("/d/f", new Uint8Array(), {});
    await fake.setAttributes("/d/f", {});
    await fake.removeFile("/d/f");
    await fake.removeDirectory("/d");
    await expect(fake.removeDirectory("/")).rejects.toBeInstanceOf(PortError);
    await expect(fake.writeFile("/a/b", new Uint8Array(), {})).rejects.toBeInstanceOf(PortError);
    expect(fake.writes).toBe(8);
  });

  it("puts what is asked for in the place of what stands there", () => {
    const fake = new FakeFileSystem({ users: { root: 0, alice: 7 } });
    fake.put("/f", { type: "file", text: "x", owner: "alice", group: "9", mode: "0600" });
    fake.put("/b", { type: "file", bytes: Uint8Array.of(0xff) });
    fake.put("/f/d", { type: "directory" });
    fake.put("/l", { type: "link", target: "f" });
    fake.put("/s", { type: "special" });
    const directory = { type: "directory", mode: "0755", owner: "root", group: "root" };
    expect(fake.tree()).toEqual({
      "/b": { type: "file", bytes: Uint8Array.of(0xff), mode: "0644", owner: "root", group: "root" },
      "/f": directory,
      "/f/d": directory,
      "/l": { type: "link", target: "f" },
      "/s": { type: "special" },
    });
    fake.put("/f", { type: "directory", mode: "0700", owner: "alice", group: "9" });
    expect(fake.tree()).toMatchObject({ "/f": { mode: "0700", owner: "alice", group: "9" }, "/f/d": directory });
    expect(() => fake.put("/", { type: "directory" })).toThrow(PortError);
  });

  it("takes things away with all that is beneath, and nothing from nowhere", () => {
    const fake = new FakeFileSystem();
    fake.put("/a/b/c", { type: "file", text: "" });
    fake.take("/x/y");
    fake.take("/a/b/c/d");
    expect(Object.keys(fake.tree())).toEqual(["/a", "/a/b", "/a/b/c"]);
    fake.take("/a/b");
    expect(Object.keys(fake.tree())).toEqual(["/a"]);
  });

  it("keeps bytes of its own", async () => {
    const fake = new FakeFileSystem();
    const bytes = Uint8Array.of(104, 105);
    await fake.writeFile("/written", bytes, {});
    fake.put("/put", { type: "file", bytes });
    bytes.fill(0);
    expect(fake.tree()).toMatchObject({ "/written": { text: "hi" }, "/put": { text: "hi" } });
  });

  it("gives new entries to the agent that it was told of", async () => {
    const fake = new FakeFileSystem({ users: { root: 0, agent: 5 }, agent: { uid: 5, gid: 6 } });
    await fake.makeDirectory("/d", {});
    await fake.writeFile("/d/f", new Uint8Array(), {});
    const own = { owner: "agent", group: "6" };
    expect(fake.tree()).toMatchObject({ "/d": own, "/d/f": own });
  });
});
