import * as z from "zod";

/**
 * An absolute, normalised path: begins with `/`, without `.`, `..`, empty parts, NUL or a slash at the end; at most 4095
 * bytes, each part at most 255. `/` itself is none: nothing may take over the root.
 */
export const AbsolutePath = z
  .string()
  .regex(/^(\/[^/\0]+)+$/, "a path is absolute and has no empty part, NUL or slash at its end")
  .refine((path) => !path.split("/").some((part) => part === "." || part === ".."), 'a path has no "." or ".." in it')
  .refine(
    (path) => !/\p{Surrogate}/u.test(path),
    "a path is whole Unicode characters, without half of a surrogate pair",
  )
  .refine(
    (path) => fits(path, 4095) && path.split("/").every((part) => fits(part, 255)),
    "a path has at most 4095 bytes, each part 255",
  )
  .brand<"AbsolutePath">();
export type AbsolutePath = z.infer<typeof AbsolutePath>;

const fits = (text: string, bytes: number): boolean => new TextEncoder().encode(text).length <= bytes;

/** Permission bits as four octal digits, `"0644"`; the first one is for set-user-id, set-group-id and sticky. */
export const Mode = z.string().regex(/^[0-7]{4}$/, 'a mode is four octal digits, such as "0644"');

/**
 * The name of a user or group as the device knows it, or its number in decimal. A number has no leading zero, because what
 * is seen is compared with it as text.
 */
export const Account = z
  .string()
  .regex(
    /^([a-z_][a-z0-9_-]{0,31}\$?|0|[1-9][0-9]{0,9})$/,
    'an account is a name such as "root" or a number such as "1000"',
  );
