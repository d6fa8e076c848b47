import { describe, expect, test } from "vitest";
import { fileAssets } from "../../src/testing/file-world.ts";
import type { Entries, EntryChange } from "../../src/testing/file-system-world.ts";
import { contractOf, type FakeTreeEntry, type Place, WORLDS } from "../../src/testing/index.ts";
import { AGENT_IS_ROOT, realStage } from "../capabilities/file-system-host/real-stage.ts";

const because = AGENT_IS_ROOT ? "" : " (skipped: needs root, to give files to others)";

/** The same worlds on a directory of this machine, with the agent's own adapter. */
const open = async (entries: Entries): Promise<Place<EntryChange, FakeTreeEntry>> => {
  const { host, put, take, tree, close } = realStage();
  for (const [path, entry] of Object.entries(entries)) await put(path, entry);
  return {
    ports: { FileSystemHost: host },
    snapshot: tree,
    assets: fileAssets(),
    change: (change) => ("take" in change ? take(change.take) : put(change.put, change.entry)),
    close,
  };
};

// Few runs: each of them waits for a disk several times.
const few = { runs: 8, seed: 7 };

describe(`on real files${because}`, () => {
  const checks = [...contractOf({ ...WORLDS.File, open }, few), ...contractOf({ ...WORLDS.Directory, open }, few)];
  test.skipIf(!AGENT_IS_ROOT).each(checks)("$name", async (check) => {
    await expect(check.run()).resolves.toBeUndefined();
  });
});
