import type { Target } from "./target.ts";

/** Loaded one by one: what one of them needs is no memory, and no block, of another one. */
export const TARGETS: Readonly<Record<string, () => Promise<Target>>> = {
  wire: async () => (await import("./targets/wire.ts")).open(),
  policy: async () => (await import("./targets/policy.ts")).open(),
  dbus: async () => (await import("./targets/dbus.ts")).open(),
  podman: async () => (await import("./targets/podman.ts")).open(),
  text: async () => (await import("./targets/text.ts")).open(),
  status: async () => (await import("./targets/status.ts")).open(),
};
