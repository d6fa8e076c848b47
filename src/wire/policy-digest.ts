import { canonicalize } from "json-canonicalize";
import type { DevicePolicies } from "./device-policy.ts";
import { sha256Of } from "./event-chain.ts";

/** The hash of the rules that hold on a device, as canonical JSON (RFC 8785); null: there are none. */
export const policyDigest = ({ policies }: DevicePolicies): string | null =>
  policies.length === 0 ? null : sha256Of(canonicalize(policies.map(({ name, rules }) => ({ name, rules }))));
