import { canonicalize } from "json-canonicalize";
import { hash } from "node:crypto";
import type { WireScore } from "./envelope.ts";

export const sha256 = (text: string): string => hash("sha256", text);

/**
 * `sha256:` and the hash of kind, version and spec as canonical JSON (RFC 8785), and of its secrets as they are sealed where it
 * has any. Tells whether a Score changed.
 */
export const digestOf = ({
  kind,
  version,
  spec,
  secrets,
}: Pick<WireScore, "kind" | "version" | "spec" | "secrets">): string =>
  `sha256:${hash("sha256", canonicalize({ kind, version, spec, ...(secrets && { secrets }) }))}`;
