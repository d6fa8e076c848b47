declare const held: unique symbol;

/**
 * The run-time tag of a capability: an industry concept that a place can offer, never a tool's name.
 *
 * `Port` is a phantom: it ties the tag to the interface which an adapter implements. `Reads` names the methods of
 * that interface that change nothing; they are all that a Score may call while it observes, and all that exists at
 * run time in a dry run.
 */
export interface Capability<Name extends string = string, Port = unknown, Reads extends string = string> {
  readonly name: Name;
  readonly reads: readonly Reads[];
  readonly [held]?: Port;
}

/** Any capability at all; for constraints, never for a declaration. */
export type AnyCapability = Capability;

/** The interface behind a tag. */
export type PortOf<C> = C extends Capability<string, infer Port> ? Port : never;

/** The part of the interface behind a tag that changes nothing. */
export type ReadPortOf<C> =
  C extends Capability<string, infer Port, infer Reads> ? Pick<Port, Reads & keyof Port> : never;

/**
 * Declares a capability. By convention the tag and the interface share one name:
 *
 * ```ts
 * export interface SystemdHost { state(unit: string): Promise<UnitState>; start(unit: string): Promise<void> }
 * export const SystemdHost = capability<SystemdHost>()("SystemdHost", { reads: ["state"] });
 * ```
 */
export const capability =
  <Port>() =>
  <const Name extends string, const Reads extends keyof Port & string>(
    name: Name,
    how: { readonly reads: readonly Reads[] },
  ): Capability<Name, Port, Reads> => ({ name, reads: how.reads });
