import * as z from "zod";
import { isWritable } from "./unit-text.ts";

/** The name of a unit without its type: `"web"` for `web.service`. Without `@`, so that it is no template. */
export const UnitStem = z
  .string()
  .regex(/^[A-Za-z0-9_][A-Za-z0-9:_.-]{0,199}$/, "a name is 1 to 200 of a-z, A-Z, 0-9, and : _ . - within it")
  .refine((name) => !UNIT_TYPE.test(name), "leave the type out: it is added to the name");

const TYPES = "service|socket|device|mount|automount|swap|target|path|timer|slice|scope";
const UNIT_TYPE = new RegExp(String.raw`\.(${TYPES})$`);

/** The full name of a unit: `"ssh.service"`, `"getty@tty1.service"`. */
export const UnitName = z
  .string()
  .max(255)
  .regex(
    new RegExp(String.raw`^[A-Za-z0-9:_.\\-]+(@[A-Za-z0-9:_.\\-]+)?\.(${TYPES})$`),
    'a unit has a full name, such as "ssh.service"',
  );

/** Text that fits on one line of a unit file. */
export const Line = z
  .string()
  .max(4096)
  .refine(
    isWritable,
    "a unit file cannot hold a line feed, NUL, half of a surrogate pair or what Unicode calls no character",
  );
