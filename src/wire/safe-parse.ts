import * as z from "zod";

type SafelyParsed<T> =
  | { readonly success: true; readonly data: T }
  | { readonly success: false; readonly data?: undefined; readonly error: z.core.$ZodError };

/**
 * As `schema.safeParse`, which throws for what somebody has made so: it compares the length of whatever has one, before it says
 * that this is no list, and `{ "length": { "toString": 0 } }` cannot be compared.
 */
export function safeParse<T>(schema: z.ZodType<T>, value: unknown): SafelyParsed<T> {
  try {
    return schema.safeParse(value);
  } catch (error) {
    const message = `it cannot even be looked at: ${error instanceof Error ? error.message : String(error)}`;
    return { success: false, error: new z.ZodError([{ code: "custom", path: [], message, input: undefined }]) };
  }
}
