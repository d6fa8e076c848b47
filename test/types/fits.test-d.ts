import type {
  AnyScore,
  Composition,
  FileScore,
  FileSystemHost,
  Fits,
  FitsAll,
  K8sClient,
  K8sDeploymentScore,
  PiTopology,
  Topology,
} from "harmony-edge";
import type { Offered, Requires } from "../../src/topology/fits.ts";

/** What the gate's types come to. Each line is an error of the compiler when it does not hold. */

type Holds<T extends true> = T;
type Same<A, B> = 0 extends 1 & A ? false : [A, B] extends [B, A] ? true : false;
// The very thing that is refused.
// oxlint-disable-next-line typescript/no-explicit-any
type Any = any;

type Pi = typeof PiTopology;
type Cluster = Topology<"Cluster", readonly [typeof K8sClient]>;
type Bare = Topology<"Bare", readonly []>;
type Both = Topology<"Both", readonly [typeof FileSystemHost, typeof K8sClient]>;
type File = FileScore;
type K8s = K8sDeploymentScore;

type TopologyWidened = "the topology's type was widened: pass the topology constant itself, e.g. PiTopology";
type ScoreWidened = "the score's type was widened: pass the score class's own instance, not AnyScore";
type NoScore = "this is no Score: make it with a Score class, e.g. new FileScore({ ... })";
type K8sLacks<T extends string> = `K8sDeploymentScore requires K8sClient, which ${T} lacks`;
type FileLacks<T extends string> = `FileScore requires FileSystemHost, which ${T} lacks`;

export type Verdicts = readonly [
  // A Score that fits is its own type.
  Holds<Same<Fits<File, Pi>, File>>,
  Holds<Same<Fits<File | K8s, Both>, File | K8s>>,

  // One that does not is a sentence for each capability; a union is judged member by member.
  Holds<Same<Fits<K8s, Pi>, K8sLacks<"PiTopology">>>,
  Holds<Same<Fits<File | K8s, Pi>, File | K8sLacks<"PiTopology">>>,
  Holds<Same<Fits<File | K8s, Bare>, FileLacks<"Bare"> | K8sLacks<"Bare">>>,

  // A union of topologies is as poor as the poorest of them.
  Holds<Same<Fits<File, Pi | Both>, File>>,
  Holds<Same<Fits<File, Pi | Cluster>, FileLacks<"Cluster">>>,
  Holds<Same<Fits<File, Bare | Cluster>, FileLacks<"Bare" | "Cluster">>>,

  // What has lost its type fits nowhere.
  Holds<Same<Fits<Any, Pi>, never>>,
  Holds<Same<Fits<AnyScore, Pi>, ScoreWidened>>,
  Holds<Same<Fits<File | AnyScore, Pi>, File | ScoreWidened>>,
  Holds<Same<Fits<File, Topology>, TopologyWidened>>,
  Holds<Same<Fits<File, Pi | Topology>, TopologyWidened>>,
  Holds<Same<Fits<File, Any>, TopologyWidened>>,

  // Nor does what is no Score.
  Holds<Same<Fits<{ readonly kind: "File"; readonly requires: readonly [] }, Pi>, NoScore>>,
  Holds<Same<Fits<string, Pi>, NoScore>>,
  Holds<Same<Fits<unknown, Pi>, NoScore>>,
  Holds<Same<Fits<File | undefined, Pi>, File | NoScore>>,

  // A composition requires what its parts do together, and is whole or not at all.
  Holds<Same<Fits<Composition<File>, Pi>, Composition<File>>>,
  Holds<Same<Fits<Composition<File | K8s>, Both>, Composition<File | K8s>>>,
  Holds<Same<Fits<Composition<File | K8s>, Pi>, K8sLacks<"PiTopology">>>,
  Holds<Same<Fits<Composition<File | K8s>, Bare>, FileLacks<"Bare"> | K8sLacks<"Bare">>>,
  Holds<Same<Fits<Composition<File>, Pi | Cluster>, FileLacks<"Cluster">>>,
  Holds<Same<Fits<Composition<K8s> | File, Pi>, K8sLacks<"PiTopology"> | File>>,
  Holds<Same<Fits<Composition, Both>, ScoreWidened>>,
  Holds<Same<Fits<Composition<File | AnyScore>, Both>, ScoreWidened>>,
  Holds<Same<Fits<Composition<Any>, Both>, ScoreWidened>>,
  Holds<Same<Fits<Composition<File>, Topology>, TopologyWidened>>,

  // A record is judged place by place.
  Holds<Same<FitsAll<{ a: File; b: K8s }, Pi>, { readonly a: File; readonly b: K8sLacks<"PiTopology"> }>>,

  // Requirements and offers are names.
  Holds<Same<Requires<File | K8s>, "FileSystemHost" | "K8sClient">>,
  Holds<Same<Offered<Both>, "FileSystemHost" | "K8sClient">>,
  Holds<Same<Offered<Bare>, never>>,
];
