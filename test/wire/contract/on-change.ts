import { describe, expect, onTestFinished, test } from "vitest";
import { recorder } from "../recorder.ts";
import { bytes, freshKey, revisionOf, settled, type Scene } from "./scene.ts";

/** When a poke comes, and when none. */
export function onChangeContract({ client }: Scene): void {
  describe("onChange", () => {
    test.each(["desired-state", "actual-state"] as const)(
      "a poke comes once the write can be read, in %s",
      async (bucket) => {
        const [writer, watcher] = [await client(), await client()];
        const key = freshKey();
        const pokes = recorder<number>();
        const read = async (): Promise<void> => {
          const found = await watcher.get(bucket, key);
          if (found._tag === "Value") pokes.tell(found.revision);
        };
        watcher.onChange(bucket, key, () => void read());
        await settled(watcher);
        for (let round = 0; round < 30; round += 1) {
          const revision = revisionOf(await writer.put(bucket, key, bytes(String(round))));
          await pokes.until((seen) => seen >= revision);
        }
        expect(pokes.all).toHaveLength(30);
      },
    );

    test("it tells of one key alone, and `*` of all, with the key; deletions count", async () => {
      const [writer, watcher] = [await client(), await client()];
      const [mine, other] = [freshKey(), freshKey()];
      const [one, all] = [recorder<string>(), recorder<string>()];
      watcher.onChange("actual-state", mine, one.tell);
      watcher.onChange("actual-state", "*", all.tell);
      await settled(watcher);
      await writer.put("actual-state", other, bytes("1"));
      await writer.put("heartbeat", mine, bytes("1"));
      await writer.put("actual-state", mine, bytes("1"));
      await writer.delete("actual-state", mine);
      await all.until(() => all.all.length === 3);
      await one.until(() => one.all.length === 2);
      expect(all.all).toEqual([other, mine, mine]);
      expect(one.all).toEqual([mine, mine]);
    });

    test("a write that was refused pokes nobody", async () => {
      const [writer, watcher] = [await client(), await client()];
      const [key, fence] = [freshKey(), freshKey()];
      await writer.put("actual-state", key, bytes("1"));
      const all = recorder<string>();
      watcher.onChange("actual-state", "*", all.tell);
      await settled(watcher);
      expect(await writer.put("actual-state", key, bytes("2"), { expect: 0 })).toEqual({ _tag: "Conflict" });
      await writer.put("actual-state", fence, bytes("1"));
      expect(await all.until(() => true)).toBe(fence);
    });

    test("no poke comes after it was given up", async () => {
      const [writer, watcher] = [await client(), await client()];
      const key = freshKey();
      const [given, kept] = [recorder<string>(), recorder<string>()];
      const giveUp = watcher.onChange("actual-state", key, given.tell);
      watcher.onChange("actual-state", key, kept.tell);
      await settled(watcher);
      giveUp();
      await writer.put("actual-state", key, bytes("1"));
      await kept.until(() => true);
      expect(given.all).toEqual([]);
    });

    test("a poke can give up another that is due for the same write", async () => {
      const [writer, watcher] = [await client(), await client()];
      const key = freshKey();
      const told = recorder<string>();
      // A server hands them out in no certain order, so each of the two gives up the other.
      const giveUp = new Map<string, () => void>();
      for (const [own, other] of [
        ["a", "b"],
        ["b", "a"],
      ] as const) {
        giveUp.set(
          own,
          watcher.onChange("actual-state", key, () => {
            told.tell(own);
            giveUp.get(other)?.();
          }),
        );
      }
      await settled(watcher);
      await writer.put("actual-state", key, bytes("1"));
      await told.until(() => true);
      await settled(watcher);
      expect(told.all).toHaveLength(1);
    });

    test("a poke that throws keeps nobody else from theirs", async () => {
      const [writer, watcher] = [await client(), await client()];
      const key = freshKey();
      const warned = recorder<string>();
      const onWarning = (warning: Error): void => warned.tell(warning.message);
      process.on("warning", onWarning);
      onTestFinished(() => void process.off("warning", onWarning));
      const pokes = recorder<string>();
      watcher.onChange("actual-state", key, () => {
        throw new Error("a bug of the listener");
      });
      watcher.onChange("actual-state", key, pokes.tell);
      await settled(watcher);
      await writer.put("actual-state", key, bytes("1"));
      await writer.put("actual-state", key, bytes("2"));
      await pokes.until(() => pokes.all.length === 2);
      expect(await warned.until(() => true)).toBe("a bug of the listener");
    });
  });
}
