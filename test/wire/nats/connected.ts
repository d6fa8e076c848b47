import { onTestFinished } from "vitest";
import { type Connected, connectStore, type ConnectOptions } from "../../../src/wire/nats/connect.ts";

/** A store that is connected, or an error with the reason. Closed at the end of the test. */
export async function connected(options: ConnectOptions): Promise<Connected["store"]> {
  const store = await connectedForLong(options);
  onTestFinished(async () => store.close());
  return store;
}

/** As `connected`, but closed by whoever asks for it. */
export async function connectedForLong(options: ConnectOptions): Promise<Connected["store"]> {
  const outcome = await connectStore(options);
  if (outcome._tag !== "Connected") throw new Error(outcome.message);
  return outcome.store;
}
