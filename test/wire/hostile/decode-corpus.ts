import { writeSync } from "node:fs";
import { KINDS } from "../../../src/scores/index.ts";
import { PiTopology } from "../../../src/topology/pi.ts";
import { decodePayload, openEnvelope } from "../../../src/wire/decode.ts";
import { AgentId } from "../../../src/wire/keys.ts";
import { AGENT } from "../wire-text.ts";
import { CORPUS, trustedKeys } from "./corpus.ts";

/** Decodes the whole corpus in a process of its own, and tells on standard output what it is at and how large it has become. */

const agentId = AgentId.parse(AGENT);
// Typed arrays lie outside of the heap, and their pages count only once they are written to.
let arrayBuffers = 0;
for (const { name, bytes, asksForSignature } of CORPUS) {
  // Written at once, so that the last line names the case that the process did not survive.
  writeSync(1, `${name}\n`);
  const keys = asksForSignature === true ? trustedKeys : new Map();
  const opened = openEnvelope(bytes());
  if (opened._tag === "Inline") {
    decodePayload(
      opened.payload,
      opened.signatures,
      { agentId, kinds: KINDS, topology: PiTopology, trustedKeys: keys },
      null,
    );
  }
  arrayBuffers = Math.max(arrayBuffers, process.memoryUsage().arrayBuffers);
}
writeSync(1, `${JSON.stringify({ maxRss: process.resourceUsage().maxRSS * 1024, arrayBuffers })}\n`);
