// A Score is handed the ports that it requires, and no others.
// expect 18:36 TS2339 Property 'K8sClient' does not exist on type 'ReadPorts<
// expect 21:28 TS2339 Property 'K8sClient' does not exist on type 'Ports<
import { FileSystemHost, Score } from "harmony-edge";
import * as z from "zod";

export class NoteScore extends Score(
  "Note",
  {
    version: 1,
    requires: [FileSystemHost],
    spec: z.strictObject({ text: z.string() }),
    observed: z.object({ size: z.number() }),
    step: z.object({ do: z.literal("write") }),
  },
  {
    identity: ({ text }) => `note:${text}`,
    observe: (_, { FileSystemHost, K8sClient }) => ({ size: [FileSystemHost, K8sClient].length }),
    plan: () => [],
    retire: () => [],
    apply: (_, { text }, { K8sClient }, { signal }) => K8sClient.deleteDeployment("default", text, signal),
  },
) {}
