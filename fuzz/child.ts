// The process that fuzzes one target. It is watched from outside, since it may hang, run out of memory, or be ended.
import { openSync, readFileSync, writeSync } from "node:fs";
import { Random } from "../simulator/random.ts";
import { Coverage } from "./coverage.ts";
import { Fuzzing } from "./fuzzing.ts";
import { type Message, Order } from "./messages.ts";
import { TARGETS } from "./targets.ts";

/** Bytes: beyond that something is kept of each input. */
const GROWTH_LIMIT = 64 * 1024 * 1024;

const tell = async (message: Message): Promise<void> =>
  new Promise((resolve) => {
    if (process.send === undefined) throw new Error("this process is started by fuzz/main.ts");
    process.send(message, () => resolve());
  });

async function endWith(finding: Message): Promise<void> {
  await tell(finding);
  process.exit(1);
}

async function main(order: Order): Promise<void> {
  const open = TARGETS[order.target];
  if (open === undefined) throw new Error(`there is no target "${order.target}"`);
  const file = openSync(order.inputFile, "w");
  const length = Buffer.alloc(4);
  let current: Uint8Array = Buffer.alloc(0);
  const keep = (input: Uint8Array): void => {
    current = input;
    length.writeUInt32LE(input.length);
    writeSync(file, Buffer.concat([length, input]), 0, input.length + 4, 0);
  };
  const crashed = (error: unknown): void => {
    const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
    const finding = {
      _tag: "Finding",
      kind: "crash",
      message,
      input: Buffer.from(current).toString("base64"),
    } as const;
    void endWith(finding);
  };
  process.on("uncaughtException", crashed);
  process.on("unhandledRejection", crashed);

  const coverage = new Coverage((url) => url.includes(order.sources));
  const target = await open();
  const fuzzing = new Fuzzing({ target, coverage, random: new Random(order.seed), keep, tell });
  if (order.replay !== null) {
    await fuzzing.replay(readFileSync(order.replay));
    return;
  }
  const progress = await fuzzing.run(order.ms);
  if (progress === null) return;
  if (progress.grownBytes > GROWTH_LIMIT) {
    const message = `${Math.round(progress.grownBytes / 1024 / 1024)} MiB more are left after a collection than in the first quarter`;
    await tell({ _tag: "Finding", kind: "memory", message, input: "" });
  } else await tell({ _tag: "Done", progress });
}

// What a target left open must not keep it.
main(Order.parse(JSON.parse(process.argv[2] ?? "null"))).then(
  () => process.exit(0),
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
    process.exit(2);
  },
);
