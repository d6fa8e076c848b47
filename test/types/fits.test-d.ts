import type { AnyScore, FileScore, FileSystemHost, Fits, FitsAll, K8sClient, K8sDeploymentScore, PiTopology, Topology } from "harmony-edge";
import type { Offered, Requires } from "../../src/topology/fits.ts";

/** What the gate's types come to. Each line is an error of the compiler when it does not hold. */

const holds = <_ extends true>(): void => {};
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
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

/** A Score that fits is its own type. */
holds<Same<Fits<File, Pi>, File>>();
holds<Same<Fits<File | K8s, Both>, File | K8s>>();

/** One that does not is a sentence for each capability; a union is judged member by member. */
holds<Same<Fits<K8s, Pi>, K8sLacks<"PiTopology">>>();
holds<Same<Fits<File | K8s, Pi>, File | K8sLacks<"PiTopology">>>();
holds<Same<Fits<File | K8s, Bare>, FileLacks<"Bare"> | K8sLacks<"Bare">>>();

/** A union of topologies is as poor as the poorest of them. */
holds<Same<Fits<File, Pi | Both>, File>>();
holds<Same<Fits<File, Pi | Cluster>, FileLacks<"Cluster">>>();
holds<Same<Fits<File, Bare | Cluster>, FileLacks<"Bare" | "Cluster">>>();

/** What has lost its type fits nowhere. */
holds<Same<Fits<Any, Pi>, never>>();
holds<Same<Fits<AnyScore, Pi>, ScoreWidened>>();
holds<Same<Fits<File | AnyScore, Pi>, File | ScoreWidened>>();
holds<Same<Fits<File, Topology>, TopologyWidened>>();
holds<Same<Fits<File, Pi | Topology>, TopologyWidened>>();
holds<Same<Fits<File, Any>, TopologyWidened>>();

/** Nor does what is no Score. */
holds<Same<Fits<{ readonly kind: "File"; readonly requires: readonly [] }, Pi>, NoScore>>();
holds<Same<Fits<string, Pi>, NoScore>>();
holds<Same<Fits<unknown, Pi>, NoScore>>();
holds<Same<Fits<File | undefined, Pi>, File | NoScore>>();

/** A record is judged place by place. */
holds<Same<FitsAll<{ a: File; b: K8s }, Pi>, { readonly a: File; readonly b: K8sLacks<"PiTopology"> }>>();

/** Requirements and offers are names. */
holds<Same<Requires<File | K8s>, "FileSystemHost" | "K8sClient">>();
holds<Same<Offered<Both>, "FileSystemHost" | "K8sClient">>();
holds<Same<Offered<Bare>, never>>();
