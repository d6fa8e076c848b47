import { afterEach, beforeEach, describe } from "vitest";
import { changeContract } from "./file-system-host/changes.ts";
import { inspectContract } from "./file-system-host/reads.ts";
import type { Stage, Subject } from "./file-system-host/stage.ts";
import { watchContract } from "./file-system-host/watching.ts";
import { writeContract } from "./file-system-host/writing.ts";

/** What every FileSystemHost does, in memory or on a disk. */
export function fileSystemHostContract(name: string, subject: Subject): void {
  describe(`${name} as a FileSystemHost`, () => {
    let stage: Stage | undefined;
    const present = (): Stage => {
      if (stage === undefined) throw new Error("the stage is set before each test");
      return stage;
    };
    beforeEach(() => {
      stage = subject.open();
    });
    afterEach(() => {
      stage?.close();
      stage = undefined;
    });
    inspectContract(present, subject);
    writeContract(present, subject);
    changeContract(present, subject);
    watchContract(present);
  });
}
