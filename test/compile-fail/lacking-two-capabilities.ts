// One sentence for each capability that is lacking.
// expect 25:3 TS2322 "BackupScore requires FileSystemHost, which Bare lacks" && "BackupScore requires K8sClient, which Bare lacks"
import { FileSystemHost, K8sClient, manifest, Score, topology } from "harmony-edge";
import * as z from "zod";

class BackupScore extends Score(
  "Backup",
  {
    version: 1,
    requires: [FileSystemHost, K8sClient],
    spec: z.strictObject({ name: z.string() }),
    observed: z.object({ size: z.number() }),
    step: z.object({ do: z.literal("copy") }),
  },
  {
    identity: ({ name }) => `backup:${name}`,
    observe: () => ({ size: 0 }),
    plan: () => [],
    retire: () => [],
    apply: () => {},
  },
) {}

export default manifest(topology("Bare", []), {
  nightly: new BackupScore({ name: "nightly" }),
});
