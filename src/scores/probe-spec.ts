import * as z from "zod";

/** How a Score says what is asked of the thing it runs, and how often: of all kinds that run something. */

/** A port, 1 to 65535. */
export const Port = z.int().min(1).max(65_535);
export const HttpPath = z
  .string()
  .max(1024)
  .regex(/^\/[!-~]*$/, "a path begins with / and is ASCII without spaces");

const Word = z
  .string()
  .max(4096)
  .refine((word) => !word.includes("\0"), "an argument cannot hold NUL");

/** A program and its arguments, each of them as it is: no shell. The program is an absolute path. */
export const CheckCommand = z
  .array(Word)
  .min(1)
  .max(256)
  .refine(([program = ""]) => /^(\/[\w.+:@-]+)+$/.test(program), "the first word is the absolute path of a program");

export const Address = z
  .string()
  .regex(/^[0-9a-fA-F.:]{2,45}$/, "an address is numbers, such as 127.0.0.1 or ::1")
  .refine((text) => z.safeParse(z.union([z.ipv4(), z.ipv6()]), text).success, "that is no address");

const often = {
  /** Seconds from one question to the next, 1 to 300. Default 10. Once a second until it first comes to be well. */
  intervalSeconds: z.number().min(1).max(300).default(10),
  /** Seconds until an answer, 0.1 to 60. Default 2. */
  timeoutSeconds: z.number().min(0.1).max(60).default(2),
  /** How many answers in a row have to be bad, 1 to 30. Default 3. */
  failureThreshold: z.int().min(1).max(30).default(3),
  /** How many answers in a row have to be good before it is well again, 1 to 30. Default 1. */
  successThreshold: z.int().min(1).max(30).default(1),
  /** Seconds after the start in which bad answers do not count, until it was well once; 0 to 600. Default 0. */
  startPeriodSeconds: z.number().min(0).max(600).default(0),
};

/** The agent asks from outside. A status from 200 to 399 is well. */
const Http = z.strictObject({
  type: z.literal("http"),
  /** The port that is asked, 1 to 65535. */
  port: Port,
  /** What is asked for. Default `/`. */
  path: HttpPath.default("/"),
  /** Where it listens. Default `127.0.0.1`. */
  address: Address.default("127.0.0.1"),
  ...often,
});

/** The agent asks from outside: whether something takes a connection. */
const Tcp = z.strictObject({
  type: z.literal("tcp"),
  /** The port that is asked, 1 to 65535. */
  port: Port,
  /** Where it listens. Default `127.0.0.1`. */
  address: Address.default("127.0.0.1"),
  ...often,
});

/** Well is what ends with 0. It runs as the service's user and group, outside of its hardening, for `timeoutSeconds`. */
const Command = z.strictObject({
  type: z.literal("command"),
  /** A program by its absolute path, and its arguments, each of them as it is: no shell. */
  command: CheckCommand,
  ...often,
});

/** Whether it is to be called Ready. */
export const Readiness = z.discriminatedUnion("type", [
  Http,
  Tcp,
  Command,
  z.strictObject({
    /** It says itself when it is up, to systemd (`READY=1`). */
    type: z.literal("notify"),
    /** Seconds that it may take for that, 1 to 600. Default 90. */
    startPeriodSeconds: z.number().min(1).max(600).default(90),
  }),
]);

/** Whether it still does what it is there for; where not, it is restarted. */
export const Liveness = z.discriminatedUnion("type", [
  Http,
  Tcp,
  Command,
  z.strictObject({
    /** It says itself that it lives, to systemd (`WATCHDOG=1`), which restarts it when it falls silent. */
    type: z.literal("notify"),
    /** Seconds that it may be silent, 1 to 3600. Default 30. */
    timeoutSeconds: z.number().min(1).max(3600).default(30),
  }),
]);
