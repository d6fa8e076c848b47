import { AgentId } from "../src/wire/keys.ts";
import type { AgentStatus, CapabilitiesDocument, Heartbeat, PlanReply, ScoreStatus } from "../src/wire/status.ts";

/** Documents as agents of the first wire format write them: each state, and each sort of value, at least once. */

const agentId = AgentId.parse("pi-7");
const since = "2026-11-23T08:00:00.000Z";

const ready: ScoreStatus = {
  kind: "File",
  version: 1,
  digest: "sha256:0f343b0931126a20f133d67c2b018a3b5a2e2b7c4f7e4b8f6b5f5c9f6a3d2e1c",
  generation: 7,
  state: "Ready",
  outcome: "NOOP",
  change: "intentional",
  since,
  details: {
    state: "present",
    path: "/etc/motd",
    size: 6,
    sha256: null,
    mode: "0644",
    owner: "root",
    group: "root",
    uid: 0,
    gid: 0,
  },
  error: null,
  attempts: 0,
  retryAfter: null,
  blockedOn: [],
};

const status: AgentStatus = {
  agentId,
  generation: 7,
  observedGeneration: 6,
  observedRevision: 42,
  epoch: 3,
  conditions: [
    { type: "Ready", status: "False", reason: "ScoresFailed", message: "1 of 4 Scores failed", since },
    { type: "Reconciling", status: "True", reason: "Working", message: "", since },
    { type: "Degraded", status: "True", reason: "ScoresFailed", message: "web failed", since },
    { type: "Accepted", status: "False", reason: "StaleGeneration", message: "generation 5 is older than 7", since },
  ],
  scores: {
    motd: ready,
    web: {
      ...ready,
      state: "Failed",
      outcome: "FAILURE",
      change: "corrective",
      error: {
        reason: "PortFailed",
        message: "no space is left for /srv/web",
        during: "apply",
        step: { do: "write", path: "/srv/web", size: 3, sha256: "ab", replaces: null },
        blame: "device",
        next: "Make room.",
        retryable: true,
      },
      attempts: 3,
      retryAfter: "2026-11-23T08:00:08.500Z",
    },
    later: { ...ready, state: "Blocked", outcome: null, change: null, details: null, blockedOn: ["web"] },
    shop: {
      ...ready,
      kind: "K8sDeployment",
      digest: "",
      state: "Refused",
      outcome: null,
      change: null,
      details: null,
      error: {
        reason: "MissingCapability",
        message: "K8sDeploymentScore requires K8sClient, which PiTopology lacks",
        during: "decode",
        step: null,
        blame: "author",
        next: "Take it out.",
        retryable: false,
      },
    },
  },
  agent: { version: "0.1.0", bootId: "6f1d2c3b-0000-4000-8000-000000000000", topology: "PiTopology" },
};

const heartbeat: Heartbeat = {
  agentId,
  bootId: "6f1d2c3b-0000-4000-8000-000000000000",
  epoch: 3,
  sequence: 12_345,
  uptimeMs: 123_450_000,
  agentVersion: "0.1.0",
  observedGeneration: 7,
  at: since,
};

const capabilities: CapabilitiesDocument = {
  agentId,
  topology: "PiTopology",
  capabilities: { FileSystemHost: { root: "/", writable: true, freeBytes: 1_000_000, quirks: [null, "noatime"] } },
  kinds: { File: [1], Directory: [1], K8sDeployment: [1] },
  agentVersion: "0.1.0",
};

const plan: PlanReply = {
  _tag: "Plan",
  agentId,
  generation: 7,
  scores: {
    same: { would: "NOOP", kind: "File", observed: ready.details },
    other: { would: "CHANGE", kind: "File", observed: null, steps: [{ do: "write", path: "/srv/web" }] },
    gone: {
      would: "RETIRE",
      kind: "Directory",
      observed: { state: "present" },
      steps: [{ do: "removeDirectoryIfEmpty" }],
    },
    wrong: {
      would: "REFUSE",
      kind: "Fire",
      error: {
        reason: "UnknownKind",
        message: "unknown",
        during: "decode",
        step: null,
        blame: "author",
        next: "Update.",
        retryable: false,
      },
    },
    stuck: {
      would: "FAIL",
      kind: "File",
      error: {
        reason: "Obstructed",
        message: "a link",
        during: "plan",
        step: null,
        blame: "device",
        next: "Move it.",
        retryable: true,
      },
    },
  },
};

const refusedPlan: PlanReply = { _tag: "Refused", reason: "WrongAgent", message: 'the manifest is for agent "pi-8"' };

/** What policies can add, and the conditions that are there only where they have something to tell. */
const ruledStatus: AgentStatus = {
  ...status,
  conditions: [
    { type: "Ready", status: "True", reason: "DriftReported", message: "as declared, but for told", since },
    { type: "Contested", status: "True", reason: "UndoneByOthers", message: "undone: motd", since },
    { type: "DiskPressure", status: "True", reason: "NoSpace", message: "no space", since },
    { type: "Offline", status: "False", reason: "LinkBack", message: "out of reach", since },
  ],
  scores: {
    motd: { ...ready, repairs: 3, contested: { inARow: 2, since, last: since } },
    told: { ...ready, state: "Drifted", change: "corrective", wouldDo: [{ do: "write", path: "/etc/told" }] },
    bad: { ...ready, state: "Failed", outcome: "FAILURE", knownBad: true, attempts: 1 },
  },
};

/** After a manifest that was taken back. */
const rolledBackStatus: AgentStatus = {
  ...status,
  generation: 8,
  observedGeneration: 7,
  conditions: [
    { type: "Ready", status: "False", reason: "RolledBack", message: "as generation 7 declares", since },
    { type: "RolledBack", status: "True", reason: "FailedForGood", message: "generation 8 failed for good", since },
  ],
  scores: { motd: ready },
  rolledBack: {
    generation: 8,
    to: 7,
    why: "FailedForGood",
    at: since,
    scores: {
      web: { state: "Failed", error: status.scores["web"]?.error ?? null, blockedOn: [] },
      later: { state: "Blocked", error: null, blockedOn: ["web"] },
    },
  },
};

const ruledPlan: PlanReply = {
  _tag: "Plan",
  agentId,
  generation: 7,
  scores: {
    told: { would: "TELL", kind: "File", observed: ready.details, steps: [{ do: "write", path: "/etc/told" }] },
    left: { would: "LEAVE", kind: "File" },
  },
};

export const DOCUMENTS = {
  status,
  heartbeat,
  capabilities,
  plan,
  "plan-refused": refusedPlan,
  "status-policies": ruledStatus,
  "status-rolled-back": rolledBackStatus,
  "plan-policies": ruledPlan,
};
