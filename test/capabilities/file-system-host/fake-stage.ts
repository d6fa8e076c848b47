import { FakeFileSystem } from "../../../src/testing/fake-file-system.ts";
import { GROUPS, USERS, turn, type Stage } from "./stage.ts";

export function fakeStage(): Stage & { readonly host: FakeFileSystem } {
  const host = new FakeFileSystem({ users: USERS, groups: GROUPS });
  return {
    host,
    put: async (path, entry) => {
      host.put(path, entry);
      await turn();
    },
    take: async (path) => {
      host.take(path);
      await turn();
    },
    tree: () => host.tree(),
    close: () => undefined,
  };
}
