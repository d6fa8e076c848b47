import type { AgentId } from "../../wire/keys.ts";
import { ROLLOUT_DEVICES_LIMIT } from "../../wire/rollout.ts";

/** How far a wave goes: so many devices, or so much of all; counted from the first device, not from the wave before. */
export interface Reach {
  readonly text: string;
  readonly unit: "devices" | "percent";
  readonly amount: number;
}

export interface WaveWish {
  readonly waves: readonly Reach[];
  readonly maxFailures: number;
  readonly soakMs: number;
}

export type WavePlan =
  | {
      readonly _tag: "Plan";
      readonly waves: readonly (readonly AgentId[])[];
      /** How each number came about, a sentence a line. */
      readonly arithmetic: readonly string[];
      /** What is allowed, and perhaps not what was meant. */
      readonly warnings: readonly string[];
    }
  | {
      readonly _tag: "Infeasible";
      readonly reason:
        | "NoDevices"
        | "TooManyDevices"
        | "WaveAddsNothing"
        | "WaveTooLarge"
        | "NotAll"
        | "LimitUnreachable";
      readonly message: string;
      /** As far as it went. */
      readonly arithmetic: readonly string[];
    };

/** Reads `1,10%,100%`; null where it is none. */
export function parseWaves(text: string): readonly Reach[] | null {
  const waves = text.split(",").map((each): Reach | null => {
    const [, number = "", percent] = /^\s*(\d{1,6}(?:\.\d{1,2})?)(%)?\s*$/.exec(each) ?? [];
    const amount = Number(number);
    if (number === "" || amount <= 0) return null;
    if (percent === undefined ? !Number.isInteger(amount) : amount > 100) return null;
    return { text: each.trim(), unit: percent === undefined ? "devices" : "percent", amount };
  });
  return waves.every((each) => each !== null) ? waves : null;
}

/** Pure: which device is in which wave, in the order given, and whether that can be so at all. */
export function planWaves(devices: readonly AgentId[], { waves, maxFailures, soakMs }: WaveWish): WavePlan {
  const total = devices.length;
  const arithmetic: string[] = [];
  const no = (reason: Extract<WavePlan, { readonly _tag: "Infeasible" }>["reason"], message: string): WavePlan => ({
    _tag: "Infeasible",
    reason,
    message,
    arithmetic,
  });
  if (total === 0) return no("NoDevices", "no device is meant, so there is nothing to roll out");
  if (total > ROLLOUT_DEVICES_LIMIT) {
    return no(
      "TooManyDevices",
      `${total} devices are meant, and one roll-out takes ${ROLLOUT_DEVICES_LIMIT} at the most`,
    );
  }
  const made: (readonly AgentId[])[] = [];
  const warnings: string[] = [];
  let before = 0;
  for (const [index, wave] of waves.entries()) {
    const { reach, sum } = reachOf(wave, total);
    const name = `wave ${index + 1}`;
    if (reach > total) return no("WaveTooLarge", `${name} asks for ${reach} devices, and ${total} are meant`);
    if (reach <= before) {
      return no(
        "WaveAddsNothing",
        `${name} (${sum}) adds nothing: the wave before it reaches ${counted(before)} already`,
      );
    }
    arithmetic.push(`${name}: ${sum}${before === 0 ? "" : `, less the ${before} before: ${reach - before} more`}`);
    made.push(devices.slice(before, reach));
    before = reach;
  }
  if (before < total) {
    return no("NotAll", `the waves reach ${before} of ${counted(total)}: end them with 100%`);
  }
  if (maxFailures > 0 && maxFailures >= total) {
    return no(
      "LimitUnreachable",
      `more than ${maxFailures} of ${counted(total)} can never fail, so --max-failures ${maxFailures} would stop nothing: it is ${total - 1} at the most`,
    );
  }
  arithmetic.push(
    `it stops once ${maxFailures + 1} of ${counted(total)} ${maxFailures === 0 ? "has" : "have"} failed (--max-failures ${maxFailures})`,
  );
  let reached = 0;
  for (const [index, wave] of made.entries()) {
    reached += wave.length;
    if (reached > maxFailures || index === made.length - 1) continue;
    warnings.push(
      `wave ${index + 1} cannot stop it: ${counted(reached)} ${reached === 1 ? "is" : "are"} reached by then, and --max-failures ${maxFailures} allows for as many`,
    );
  }
  if (soakMs > 0) {
    const seconds = (soakMs * made.length) / 1000;
    arithmetic.push(
      `it takes at least ${seconds} s: ${soakMs / 1000} s of --soak for each of ${made.length} wave${made.length === 1 ? "" : "s"}`,
    );
  }
  return { _tag: "Plan", waves: made, arithmetic, warnings };
}

function reachOf({ unit, amount, text }: Reach, total: number): { readonly reach: number; readonly sum: string } {
  if (unit === "devices") return { reach: amount, sum: counted(amount) };
  // In hundredths of a percent, so that 55.55% of 10,000 is no matter of how numbers are kept.
  const exact = (Math.round(amount * 100) * total) / 10_000;
  const reach = Math.ceil(exact);
  const rounded = exact === reach ? "" : `, rounded up to ${counted(reach)}`;
  return {
    reach,
    sum: `${text} of ${total} is ${Number(exact.toFixed(4))}${rounded === "" ? ` device${reach === 1 ? "" : "s"}` : rounded}`,
  };
}

const counted = (count: number): string => `${count} device${count === 1 ? "" : "s"}`;
