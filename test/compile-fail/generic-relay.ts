// A function that passes on any Score cannot promise that it fits.
// expect 6:79 TS2322 Type 'S' is not assignable to type 'Fits<S, Topology<"PiTopology", 
// expect 9:18 TS2322 Type 'FileScore' is not assignable to type 'string extends Offered<T> ? "the topology's type was widened
import { type AnyScore, FileScore, manifest, PiTopology, type Topology } from "harmony-edge";

export const relay = <S extends AnyScore>(score: S) => manifest(PiTopology, { score });

export const place = <T extends Topology>(to: T) =>
  manifest(to, { motd: new FileScore({ path: "/etc/motd", content: "hello\n" }) });
