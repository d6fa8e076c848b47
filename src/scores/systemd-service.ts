import * as z from "zod";
import { SystemdHost } from "../capabilities/systemd-host.ts";
import type { Probe } from "../capabilities/probe.ts";
import type { Plan } from "./outcome.ts";
import { unitPauses } from "./own-unit.ts";
import { AbsolutePath, Account } from "./paths.ts";
import { Liveness, Readiness } from "./probe-spec.ts";
import {
  applyService,
  observeService,
  type OwnService,
  planService,
  restartService,
  retireService,
  SeenService,
  serviceDisturbance,
  servicePauses,
  ServiceStep,
} from "./service-health.ts";
import type { Frozen } from "./spec.ts";
import { Score } from "./score.ts";
import {
  credentialLines,
  Credentials,
  filesOf,
  seeCredentials,
  wantedFiles,
  withCredentials,
  withoutCredentials,
} from "./service-credentials.ts";
import { Limits, neededBy, serviceText } from "./service-text.ts";
import { Line, UnitName, UnitStem } from "./unit-names.ts";

const Units = z.array(UnitName).max(64).default([]);

const fields = z.strictObject({
  /** The unit's name without `.service`. */
  name: UnitStem,
  /** What people read in a list of services. Default: the name. */
  description: Line.min(1).optional(),
  /** The program and its arguments, each of them as it is: no shell, no variables. The program is an absolute path. */
  exec: z
    .array(Line)
    .min(1)
    .max(256)
    .refine(
      ([program = ""]) => /^(\/[\w.+:@-]+)+$/.test(program),
      "the first word is the absolute path of a program, of letters, digits and / . _ + : @ -",
    ),
  /** Default: none but what systemd gives to every service. */
  environment: z
    .record(
      z.string().regex(/^[A-Za-z_][A-Za-z0-9_]{0,127}$/, "a variable is letters, digits and _, not first a digit"),
      Line,
    )
    .default({}),
  /** Default: root. */
  user: Account.optional(),
  /** Default: the user's own group. */
  group: Account.optional(),
  /** Default: `/`. */
  workingDirectory: AbsolutePath.optional(),
  /**
   * When it is up: `exec` once the program has been started, `notify` once it says so itself, `oneshot` once it has ended
   * well (it is then called running until it is stopped). Default `exec`.
   */
  type: z.enum(["exec", "notify", "oneshot"]).default("exec"),
  /**
   * `always`: started now and at boot. `when-asked`: neither; a timer or a person starts it, and whether it runs is nobody's
   * business here. Default `always`.
   */
  run: z.enum(["always", "when-asked"]).default("always"),
  /** When systemd starts it again by itself. Default `always`, but `no` for a oneshot. */
  restart: z.enum(["always", "on-failure", "no"]).optional(),
  /** Seconds between an end and the next start, 0.1 to 3600. Default 1. */
  restartSeconds: z.number().min(0.1).max(3600).default(1),
  /** Seconds that it has to stay up, without a restart, before it is Ready; 0 to 20. Default 1. */
  readyAfterSeconds: z.number().min(0).max(20).default(1),
  /** Units that are started before it, where they are started at all. Default none. */
  after: Units,
  /** Units that are started with it; it runs without them too. Default none. */
  wants: Units,
  /** Units that it cannot run without. Default none. */
  requires: Units,
  /**
   * `none`; `standard`: no new privileges, a private /tmp, a read-only /usr, /boot and /etc, no kernel settings;
   * `strict`: also a file system that is read-only but for `writablePaths`, no home directories, no devices, no
   * capabilities, few system calls. Default `none`.
   */
  hardening: z.enum(["none", "standard", "strict"]).default("none"),
  /** What it may write nevertheless under `hardening`; must exist. Default none. */
  writablePaths: z.array(AbsolutePath).max(64).default([]),
  /** Default: none. */
  limits: Limits.default({}),
  /**
   * Secrets that systemd hands to it, and to nothing else: `{ token: secret("api-token") }` is the file `token` in the
   * directory `$CREDENTIALS_DIRECTORY`, for the service's user alone to read. Another secret restarts it. Default none.
   */
  credentials: Credentials.optional(),
  /**
   * When it is Ready; asked again and again, also later. One that does not answer well is not Ready, what comes after it
   * waits, and nothing is restarted. Default: once it is up.
   */
  readiness: Readiness.optional(),
  /**
   * When it still does what it is there for. One that does not answer well is restarted; where that does not help for
   * long, ever more rarely, and it is a FAILURE. Default: while it is up.
   */
  liveness: Liveness.optional(),
});

const hasProbes = ({ readiness, liveness }: z.infer<typeof fields>): boolean =>
  readiness !== undefined || liveness !== undefined;
const spec = fields.refine(
  (wanted) => !hasProbes(wanted) || (wanted.run === "always" && wanted.type !== "oneshot"),
  "readiness and liveness are of a service that runs on: not of a oneshot, nor of one that runs when asked",
);

/**
 * A service of its own: a unit file that is wholly Harmony's, enabled and running.
 *
 * Ready means that it has been up for `readyAfterSeconds`, and that its `readiness` holds. One that ends again and again is
 * `crash-looping` and a FAILURE; one whose `liveness` fails is `hung` and restarted.
 * A change restarts it. A unit file that somebody else put at its place is replaced; a unit of a package is not touched
 * (`Obstructed`). When it is retired it is stopped, disabled and removed.
 */
export class SystemdServiceScore extends Score(
  "SystemdService",
  { version: 1, requires: [SystemdHost], spec, observed: SeenService, step: ServiceStep },
  {
    // A service may take its time to start and to stop; systemd itself gives up after 90 s, unless it is told otherwise.
    deadlineMs: ({ readiness }) => 120_000 + (readiness?.type === "notify" ? readiness.startPeriodSeconds * 1000 : 0),
    identity: ({ name }) => `unit:${name}.service`,
    units: ({ name }) => [`${name}.service`],
    reach: ({ name, wants, requires }) => [
      { _tag: "unit", unit: `${name}.service` },
      // Systemd starts these with it.
      ...[...wants, ...requires].map((unit) => ({ _tag: "unit" as const, unit })),
      { _tag: "program", what: "the program of its service", unit: `${name}.service` },
    ],
    secrets: ({ credentials = {} }) => Object.values(credentials).map(({ secret }) => secret),
    async observe(wanted, { SystemdHost: host }, { signal, secrets }) {
      const { name, credentials: own = {} } = wanted;
      const credentials = seeCredentials(`${name}.service`, own, host, secrets);
      const seen = await observeService(unitOf(wanted, filesOf(own, secrets)), host, signal);
      return credentials.length === 0 ? seen : { ...seen, credentials };
    },
    plan: (wanted, seen) => planned(wanted, seen, planService),
    retire: (wanted, seen) =>
      withoutCredentials(`${wanted.name}.service`, seen.credentials ?? [], retireService(asSeen(wanted, seen), seen)),
    apply(step, wanted, { SystemdHost: host }, { signal, secrets }) {
      if (step.do === "removeCredential") return host.removeCredential(step.unit, step.file, signal);
      if (step.do === "writeCredential") {
        const { unit, file, secret } = step;
        return secrets.use({ secret }, (bytes) => host.writeCredential(unit, file, bytes, signal));
      }
      return applyService(step, unitOf(wanted, filesOf(wanted.credentials ?? {}, secrets)), host, signal);
    },
    restart: (wanted, seen) => planned(wanted, seen, restartService),
    // By the process as well, since what has only begun to start tells no moment.
    run: (_, seen) => ("since" in seen ? `${seen.since} ${seen.mainPid}` : null),
    awaits: (_, { state }) => state === "getting-ready",
    turns: "free",
    pauses: (step) => servicePauses(step, unitPauses),
    disturbs: serviceDisturbance,
    watch: ({ name }, { SystemdHost: host }, changed) => host.watch(`${name}.service`, changed),
  },
) {}

type Spec = Frozen<z.infer<typeof spec>>;

const planned = (
  wanted: Spec,
  seen: SeenService,
  plan: (unit: OwnService, seen: SeenService) => Plan<ServiceStep>,
): Plan<ServiceStep> => {
  const { name, credentials = {} } = wanted;
  return withCredentials(`${name}.service`, credentials, seen.credentials ?? [], plan(asSeen(wanted, seen), seen));
};

const asSeen = (wanted: Spec, { credentials = [] }: SeenService): OwnService =>
  unitOf(wanted, wantedFiles(credentials));

/** A spec never changes, and it is looked at for years; the files of its credentials change seldom. */
const rendered = new WeakMap<Spec, { readonly files: string; readonly unit: OwnService }>();

function unitOf(wanted: Spec, credentials: ReadonlyMap<string, string>): OwnService {
  const files = [...credentials.values()].join();
  const before = rendered.get(wanted);
  let unit = before?.files === files ? before.unit : undefined;
  if (unit === undefined) {
    const name = `${wanted.name}.service`;
    unit = {
      unit: name,
      text: serviceText({ ...wanted, credentialLines: credentialLines(name, credentials) }),
      runs: wanted.run === "always",
      steadyMs: wanted.readyAfterSeconds * 1000,
      needs: neededBy(wanted.limits),
      readiness: probeOf(wanted.readiness, wanted),
      liveness: probeOf(wanted.liveness, wanted),
    };
    rendered.set(wanted, { files, unit });
  }
  return unit;
}

/** Null where systemd itself is told. A command runs as the service does. */
function probeOf(said: Spec["readiness"] | Spec["liveness"], { user, group }: Spec): Probe | null {
  if (said === undefined || said.type === "notify") return null;
  return said.type === "command" ? { ...said, user, group } : said;
}
