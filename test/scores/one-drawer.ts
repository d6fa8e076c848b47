import { PortError } from "../../src/capabilities/port-error.ts";
import { type Cabinet, drawerKind, type DrawerInterpretation, DrawerScore, FakeCabinet } from "./drawer.ts";

/** One drawer, and what can go wrong with its cabinet. */

export const spec = { name: "a", text: "mine" };
export const score = new DrawerScore(spec);
export const kind = (changes: Partial<DrawerInterpretation>) => new (drawerKind(changes))(spec);

export const build = { do: "build", drawer: "a" };
export const label = { do: "label", drawer: "a" };
export const problem = {
  code: "NoSpace",
  blame: "device",
  message: "the cabinet is full",
  next: "Make room.",
} as const;
export const full = (): Promise<never> => Promise.reject(new PortError(problem));
export const never = (): Promise<never> => new Promise(() => {});

/** A cabinet, and ports of which single methods are replaced. */
export const ports = (labels: Readonly<Record<string, string>> = {}, changes: Partial<Cabinet> = {}) => ({
  Cabinet: Object.assign(new FakeCabinet(labels), changes),
});
