import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { createFleet, type Fleet, systemClock } from "../fleet/index.ts";
import { type Connected, connectStore } from "../wire/nats/connect.ts";
import { isServer, serverList } from "../wire/nats/server-list.ts";
import type { Unreachable } from "../wire/store.ts";
import { EXIT, type ExitCode } from "./exit-code.ts";
import type { Session } from "./session.ts";

/** Runs with a fleet behind the server that the flags name; tells why where there is none. */
export const withFleet = (session: Session, run: (fleet: Fleet) => Promise<ExitCode>): Promise<ExitCode> =>
  withStore(session, (store) => run(createFleet({ store, clock: systemClock })));

/** The same with the store itself. */
export async function withStore(
  session: Session,
  run: (store: Connected["store"], connected: Connected) => Promise<ExitCode>,
): Promise<ExitCode> {
  const { server, io } = session;
  const servers = serverList(server);
  const wrong = servers.find((each) => !isServer(each));
  if (wrong !== undefined) {
    session.complain(
      `"${withoutPassword(wrong)}" is no server`,
      "It is written nats://HOST:PORT, or tls://HOST:PORT; several with commas.",
    );
    return EXIT.usage;
  }
  const credsFile = await readCreds(session);
  if (credsFile === null) return EXIT.usage;
  const connected = await connectStore({ servers, credsFile, name: "harmony", signal: io.signal });
  if (connected._tag === "Unreachable") {
    tellUnreachable(session, connected);
    return EXIT.unreachable;
  }
  const { store } = connected;
  try {
    return await run(store, connected);
  } finally {
    await store.close();
  }
}

export function tellUnreachable(session: Session, { reason, message }: Unreachable): void {
  const hints: Record<Unreachable["reason"], string> = {
    Disconnected:
      "Is a server running there? Name another one with --server URL or HARMONY_SERVER; harmony dev starts one.",
    TimedOut: "Look at the server's load, and whether the disk of its JetStream store is full; then try again.",
    NoBucket: "Apply a manifest first: that makes the buckets.",
    Denied: "The server refuses these credentials for this; name others with --creds FILE or HARMONY_CREDS.",
    Failed: "Look at the server's log.",
  };
  session.complain(message, hints[reason]);
}

export const withoutPassword = (server: string): string => server.replace(/\/\/[^@/]*@/, "//");

/** Undefined: none are named. Null: they cannot be read, which has been told. */
async function readCreds({ creds, io, complain }: Session): Promise<string | undefined | null> {
  if (creds === null) return undefined;
  try {
    return await readFile(resolve(io.cwd, creds), "utf8");
  } catch (error) {
    complain(`the credentials in ${creds} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
    return null;
  }
}
