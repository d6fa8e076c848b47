import { canonicalize } from "json-canonicalize";
import { hash } from "node:crypto";
import type { WireScore } from "./envelope.ts";

/** `sha256:` and the hash of kind, version and spec as canonical JSON (RFC 8785). Tells whether a Score changed. */
export const digestOf = ({ kind, version, spec }: Pick<WireScore, "kind" | "version" | "spec">): string =>
  `sha256:${hash("sha256", canonicalize({ kind, version, spec }))}`;
