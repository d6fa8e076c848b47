import type { AnyCapability } from "../capabilities/capability.ts";
import { PortError } from "../capabilities/port-error.ts";
import type { PortTable } from "../scores/attenuate.ts";

/** One call of a port. */
export interface PortCall {
  /** The capability's name. */
  readonly port: string;
  readonly method: string;
  /** False for the methods that the capability declares as reads. */
  readonly writes: boolean;
  /** Whether it answers with a promise; only such a call can fail to answer. */
  readonly waits: boolean;
}

/** What shall happen to one call. */
export interface Fault {
  /** Which call, counted from 0 since {@link FaultyPorts.arm}; reads and writes of all ports count. */
  readonly at: number;
  /** Whether the call takes effect nevertheless: `after` stands for an answer that was lost. */
  readonly when: "before" | "after";
  /** `fails`: it throws, or rejects with, a PortError. `hangs`: its promise is never settled. */
  readonly how: "fails" | "hangs";
  /** Whether the method answers with a promise, as a {@link PortCall} recorded before tells. Default true. */
  readonly waits?: boolean;
}

/**
 * Ports that record each call, and let one of them go wrong.
 *
 * ```ts
 * const ports = new FaultyPorts([FileSystemHost], { FileSystemHost: new FakeFileSystem() });
 * ports.arm({ at: 1, when: "after", how: "fails" });
 * const outcome = await interpret(score, { ports: ports.table, ... });
 * ```
 */
export class FaultyPorts {
  /** What to hand to the engine in place of the ports. Always the same object. */
  readonly table: PortTable;
  #calls: PortCall[] = [];
  #fault: Fault | null = null;
  #reached = new Signal();

  /** Wraps the ports that the capabilities name; each call of another method than its reads counts as a write. */
  constructor(capabilities: readonly AnyCapability[], ports: PortTable) {
    const readsOf = new Map(capabilities.map(({ name, reads }) => [name, new Set<string>(reads)]));
    this.table = Object.fromEntries(
      Object.entries(ports).map(([name, port]) => [name, this.#wrap(name, port, readsOf.get(name) ?? new Set())]),
    );
  }

  /** Forgets all calls so far, and lets this happen to one of those to come; null: to none. */
  arm(fault: Fault | null): void {
    this.#calls = [];
    this.#fault = fault;
    this.#reached = new Signal();
  }

  /** The calls since {@link arm}. */
  get calls(): readonly PortCall[] {
    return this.#calls;
  }

  /** Resolves when the fault has happened. */
  get reached(): Promise<void> {
    return this.#reached.promise;
  }

  #wrap(port: string, target: object, reads: ReadonlySet<string>): object {
    return new Proxy(target, {
      get: (_, key): unknown => {
        const member: unknown = Reflect.get(target, key);
        if (typeof member !== "function") return member;
        const method = String(key);
        return (...given: readonly unknown[]): unknown =>
          this.#call({ port, method, writes: !reads.has(method) }, (): unknown => Reflect.apply(member, target, given));
      },
    });
  }

  #call(call: Omit<PortCall, "waits">, run: () => unknown): unknown {
    const at = this.#calls.length;
    const fault = this.#fault?.at === at ? this.#fault : null;
    if (fault?.when === "before") {
      const { waits = true } = fault;
      this.#calls.push({ ...call, waits });
      const failed = (): never => this.#fail(fault, call);
      return waits ? Promise.resolve().then(() => (fault.how === "hangs" ? this.#hang() : failed())) : failed();
    }
    // Noted before it runs, so that a call that throws counts too.
    this.#calls.push({ ...call, waits: false });
    const result = run();
    const waits = result instanceof Promise;
    this.#calls[at] = { ...call, waits };
    if (fault === null) return result;
    return waits
      ? result.then(() => (fault.how === "hangs" ? this.#hang() : this.#fail(fault, call)))
      : this.#fail(fault, call);
  }

  #fail({ when }: Fault, { port, method }: Omit<PortCall, "waits">): never {
    this.#reached.give();
    throw new PortError({
      code: "Unavailable",
      blame: "platform",
      message: `${port}.${method} was made to fail ${when} its effect.`,
      next: "Nothing: a test did this.",
    });
  }

  #hang(): Promise<never> {
    this.#reached.give();
    return new Promise(() => {});
  }
}

class Signal {
  give: () => void = () => {};
  readonly promise = new Promise<void>((resolve) => {
    this.give = resolve;
  });
}
