import type { PortTable } from "../scores/attenuate.ts";
import { Expired } from "../scores/deadline.ts";
import type { Topology } from "../topology/topology.ts";

/**
 * The same ports, behind a fence: a call that may change something is made only where `mayAct` says so at that moment. One
 * that is not made ends its interpretation as a stop of the agent does. A Score's timers and signals come too late where the
 * process was held up: what it waited for may go on before them.
 */
export function fenced(ports: PortTable, offers: () => Topology["offers"], mayAct: () => boolean): PortTable {
  const isRead = (capability: string, method: string): boolean =>
    offers().some(({ name, reads }) => name === capability && reads.includes(method));
  return Object.fromEntries(
    Object.entries(ports).map(([capability, port]) => [
      capability,
      new Proxy(port, {
        get(target, key): unknown {
          const member: unknown = Reflect.get(target, key);
          if (typeof member !== "function") return member;
          return (...given: readonly unknown[]): unknown => {
            if (!isRead(capability, String(key)) && !mayAct()) throw new Expired("Stopped");
            const answer: unknown = Reflect.apply(member, target, given);
            return answer;
          };
        },
      }),
    ]),
  );
}
