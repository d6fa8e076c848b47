import { createHash } from "node:crypto";
import { type Secrets, useAndWipe } from "../scores/secret.ts";

/** What the secret of that name is on every stage. */
export const fakeSecret = (name: string): string => `the secret ${name}`;

/** Secrets that were opened already: each is {@link fakeSecret}, sealed always the same. */
export const FAKE_SECRETS: Secrets = {
  opens: () => true,
  matches: ({ secret }, sha256) => createHash("sha256").update(fakeSecret(secret)).digest("hex") === sha256,
  version: () => "0".repeat(16),
  use: ({ secret }, work) => useAndWipe(new TextEncoder().encode(fakeSecret(secret)), work),
};
