import { expectTypeOf, test } from "vitest";
import type { FileSystemHost } from "../../src/capabilities/file-system-host.ts";
import type { K8sClient } from "../../src/capabilities/k8s-client.ts";
import type { FileScore, K8sDeploymentScore } from "../../src/scores/index.ts";
import type { AnyScore } from "../../src/scores/score.ts";
import type { Fits, FitsAll, Offered, Requires } from "../../src/topology/fits.ts";
import type { PiTopology } from "../../src/topology/pi.ts";
import type { Topology } from "../../src/topology/topology.ts";

/** These hold when the compilers accept them (`npm run types`); what a compiler prints is in test/compile-fail. */

type Pi = typeof PiTopology;
type Cluster = Topology<"Cluster", readonly [typeof K8sClient]>;
type Bare = Topology<"Bare", readonly []>;
type Both = Topology<"Both", readonly [typeof FileSystemHost, typeof K8sClient]>;

type TopologyWidened = "the topology's type was widened: pass the topology constant itself, e.g. PiTopology";
type ScoreWidened = "the score's type was widened: pass the score class's own instance, not AnyScore";
type NoScore = "this is no Score: make it with a Score class, e.g. new FileScore({ ... })";

test("a Score that fits is its own type", () => {
  expectTypeOf<Fits<FileScore, Pi>>().toEqualTypeOf<FileScore>();
  expectTypeOf<Fits<FileScore | K8sDeploymentScore, Both>>().toEqualTypeOf<FileScore | K8sDeploymentScore>();
});

test("a Score that does not fit is a sentence for each capability, and a union is judged member by member", () => {
  expectTypeOf<Fits<K8sDeploymentScore, Pi>>().toEqualTypeOf<"K8sDeploymentScore requires K8sClient, which PiTopology lacks">();
  expectTypeOf<Fits<FileScore | K8sDeploymentScore, Pi>>().toEqualTypeOf<
    FileScore | "K8sDeploymentScore requires K8sClient, which PiTopology lacks"
  >();
  expectTypeOf<Fits<FileScore | K8sDeploymentScore, Bare>>().toEqualTypeOf<
    "FileScore requires FileSystemHost, which Bare lacks" | "K8sDeploymentScore requires K8sClient, which Bare lacks"
  >();
});

test("a union of topologies is as poor as the poorest of them", () => {
  expectTypeOf<Fits<FileScore, Pi | Both>>().toEqualTypeOf<FileScore>();
  expectTypeOf<Fits<FileScore, Pi | Cluster>>().toEqualTypeOf<"FileScore requires FileSystemHost, which Cluster lacks">();
  expectTypeOf<Fits<FileScore, Bare | Cluster>>().toEqualTypeOf<
    "FileScore requires FileSystemHost, which Cluster lacks" | "FileScore requires FileSystemHost, which Bare lacks"
  >();
});

test("what has lost its type fits nowhere", () => {
  // The very thing that is refused.
  // oxlint-disable-next-line typescript/no-explicit-any
  type Any = any;
  expectTypeOf<Fits<Any, Pi>>().toBeNever();
  expectTypeOf<Fits<AnyScore, Pi>>().toEqualTypeOf<ScoreWidened>();
  expectTypeOf<Fits<FileScore | AnyScore, Pi>>().toEqualTypeOf<FileScore | ScoreWidened>();
  expectTypeOf<Fits<FileScore, Topology>>().toEqualTypeOf<TopologyWidened>();
  expectTypeOf<Fits<FileScore, Pi | Topology>>().toEqualTypeOf<TopologyWidened>();
  expectTypeOf<Fits<FileScore, Any>>().toEqualTypeOf<TopologyWidened>();
});

test("what is no Score fits nowhere", () => {
  expectTypeOf<Fits<{ readonly kind: "File"; readonly requires: readonly [] }, Pi>>().toEqualTypeOf<NoScore>();
  expectTypeOf<Fits<string, Pi>>().toEqualTypeOf<NoScore>();
  expectTypeOf<Fits<unknown, Pi>>().toEqualTypeOf<NoScore>();
  expectTypeOf<Fits<FileScore | undefined, Pi>>().toEqualTypeOf<FileScore | NoScore>();
});

test("a record is judged place by place", () => {
  expectTypeOf<FitsAll<{ a: FileScore; b: K8sDeploymentScore }, Pi>>().toEqualTypeOf<{
    readonly a: FileScore;
    readonly b: "K8sDeploymentScore requires K8sClient, which PiTopology lacks";
  }>();
});

test("requirements and offers are names", () => {
  expectTypeOf<Requires<FileScore | K8sDeploymentScore>>().toEqualTypeOf<"FileSystemHost" | "K8sClient">();
  expectTypeOf<Offered<Both>>().toEqualTypeOf<"FileSystemHost" | "K8sClient">();
  expectTypeOf<Offered<Bare>>().toBeNever();
});
