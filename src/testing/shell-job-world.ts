import * as fc from "fast-check";
import { ShellJobScore } from "../scores/shell-job.ts";
import { FakeAuditedShell } from "./fake-audited-shell.ts";
import type { Snapshot, World } from "./world.ts";

type Spec = ConstructorParameters<typeof ShellJobScore>[0];
/** What is there by name: what jobs make, what others made, and what keeps checks from answering. */
type Facts = readonly string[];
export interface Change {
  readonly fact: string;
  readonly isThere: boolean;
}

const BROKEN = "broken";
const THEIRS = "theirs";
/** What a job makes, by the name that the Score claims it by. */
const madeBy = ({ name }: Pick<Spec, "name">): string => `ran:${name}`;

const approved = { runAs: "root", approver: "ops", expires: new Date("2099-01-01T00:00:00.000Z") };

function specsIn(folder: string): readonly Spec[] {
  const fileOf = (name: string): string => `${folder}${madeBy({ name })}`;
  const job = (name: string): Spec => ({
    ...approved,
    name,
    check: ["/usr/bin/probe", fileOf(name)],
    run: ["/usr/bin/touch", fileOf(name)],
  });
  return [
    job("seed"),
    {
      ...job("kiosk.v2"),
      undo: ["/usr/bin/rm", "-f", fileOf("kiosk.v2")],
      timeoutSeconds: 5,
      workingDirectory: "/srv",
      environment: { TOKEN: "hunter22", LEVEL: "info" },
      redact: ["TOKEN"],
    },
    {
      ...job("script"),
      undo: ["/usr/bin/rm", fileOf("script")],
      run: { script: fileOf("script"), interpreter: "/bin/make" },
    },
    { ...job("old"), undo: ["/usr/bin/rm", fileOf("old")], expires: new Date("2020-01-01T00:00:00.000Z") },
  ];
}

const isExpired = ({ expires }: Spec): boolean => expires.getTime() < Date.UTC(2026, 0, 1);

type JobWorld = World<Spec, Facts, Change, true>;

/** Specs of jobs that make their files in this folder, which ends with a slash or is empty, and a place to run them in. */
export const shellJobWorldAt = (folder: string, open: JobWorld["open"]): JobWorld => ({
  kind: ShellJobScore,
  specs: fc.constantFrom(...specsIn(folder)),
  devices: (spec) => fc.subarray([madeBy(spec), THEIRS, BROKEN]),
  changes: (spec) =>
    fc.record({
      fact: fc.oneof(
        { weight: 3, arbitrary: fc.constant(madeBy(spec)) },
        { weight: 1, arbitrary: fc.constantFrom(THEIRS, BROKEN) },
      ),
      isThere: fc.boolean(),
    }),
  open,
  about: (spec) => [madeBy(spec)],
  judge(spec, now) {
    if (isExpired(spec) || now[BROKEN] === true) return "obstructed";
    return now[madeBy(spec)] === true ? "so" : "not-so";
  },
  left(spec, now, made): Snapshot<true> {
    const isUndone = spec.undo !== undefined && !isExpired(spec) && now[BROKEN] !== true && made.has(madeBy(spec));
    return Object.fromEntries(Object.entries(now).filter(([name]) => !isUndone || name !== madeBy(spec)));
  },
});

/** The same in memory. */
export const shellJobWorld: JobWorld = shellJobWorldAt("", (facts) => {
  const shell = new FakeAuditedShell({
    files: facts,
    programs: {
      "/usr/bin/probe": (args, files) => ({ exitCode: files.has(BROKEN) ? 2 : files.has(args.at(-1) ?? "") ? 0 : 1 }),
      "/bin/make": (args, files) => (files.add(args.at(-1) ?? ""), { exitCode: 0 }),
    },
  });
  return {
    ports: { AuditedShell: shell },
    snapshot: () => Object.fromEntries(shell.files().map((file) => [file, true as const])),
    change: ({ fact, isThere }) => shell.put(fact, isThere),
  };
});
