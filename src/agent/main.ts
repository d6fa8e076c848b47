import "./adapters/small-heap.ts";
import { KINDS } from "../scores/index.ts";
import { ADAPTERS } from "./adapters/offers/all.ts";
import { agentProgram } from "./program.ts";

/** The agent with all kinds that there are. `argv` is what comes after `harmony agent`; resolves to the exit code. */
export const main = agentProgram({ kinds: KINDS, adapters: ADAPTERS });
