import { InvalidArgumentError, Option } from "commander";
import { parseLife } from "./key-life.ts";

/** How long a device's key is good for; it is renewed by itself before. In seconds. */
export const keyLifeOption = (): Option =>
  new Option("--key-life <TIME>", "how long a device's key is good for; it renews itself before").argParser((text) => {
    const seconds = parseLife(text);
    if (seconds === null) throw new InvalidArgumentError("A life is a number and d, h, m or s, such as 90d.");
    return seconds;
  });
