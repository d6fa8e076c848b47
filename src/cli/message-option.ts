import { InvalidArgumentError, Option } from "commander";
import { Message } from "../wire/envelope.ts";

export const messageOption = (): Option =>
  new Option("-m, --message <TEXT>", "why, in one line, as harmony history shows it").argParser((text: string) => {
    const read = Message.safeParse(text);
    if (!read.success) throw new InvalidArgumentError(read.error.issues.map(({ message }) => message).join("; "));
    return read.data;
  });
