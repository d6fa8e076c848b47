import { Option } from "commander";

/** Where `harmony fleet` keeps a fleet. */
export const directoryOption = (): Option => new Option("--dir <DIR>", "the fleet's directory").default("fleet");
