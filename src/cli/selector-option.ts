import { InvalidArgumentError, Option } from "commander";
import * as z from "zod";
import { parseSelector, type Selector } from "../topology/selector.ts";

/** The same for every command that means several devices. */
export const selectorOption = (about: string): Option =>
  new Option("--selector <SELECTOR>", about).argParser((text): Selector => {
    const read = parseSelector(text);
    if (read._tag === "Refused") throw new InvalidArgumentError(`At column ${read.column}: ${read.message}.`);
    return read.selector;
  });

/** As that option hands it over. */
export const GivenSelector = z.custom<Selector>(
  (value) => typeof value === "object" && value !== null && "requirements" in value,
);
