import * as z from "zod";
import type { Unreachable } from "../store.ts";
import { ask } from "./ask.ts";
import type { Call } from "./call.ts";
import type { Link } from "./link.ts";
import { json } from "./publish.ts";
import { infoSubject } from "./subjects.ts";
import { STREAM_NOT_FOUND, unreachable } from "./unreachable.ts";
import { safeParse } from "../safe-parse.ts";

const Info = z.object({
  error: z.object({ err_code: z.int().optional(), description: z.string().optional() }).optional(),
  state: z.object({ subjects: z.record(z.string(), z.int()).optional() }).optional(),
  /** Of all subjects that fit, however many there are in this answer. */
  total: z.int().optional(),
});

/** An account without streams asks the one that has them. */
export type GuestInfo =
  | { readonly _tag: "Info"; readonly subjects: readonly string[] }
  /** The streams belong to the account of this connection, or the server was set up for no guests. */
  | { readonly _tag: "NoGuest" };

/** `filter`: the subjects to list; left out: none. */
export async function guestInfo(
  link: Link,
  call: Call,
  stream: string,
  filter?: string,
): Promise<GuestInfo | Unreachable> {
  const subjects: string[] = [];
  for (let total = 1; subjects.length < total;) {
    const wanted = filter === undefined ? {} : { subjects_filter: filter, offset: subjects.length };
    const asked = new TextEncoder().encode(JSON.stringify(wanted));
    const answer = await ask(link, call, infoSubject(stream), asked);
    if (answer._tag === "NoResponders") return { _tag: "NoGuest" };
    if (answer._tag === "Unreachable") return answer.reason === "Denied" ? { _tag: "NoGuest" } : answer;
    const info = safeParse(Info, json(answer.data)).data;
    if (info?.error?.err_code === STREAM_NOT_FOUND) {
      return unreachable("NoBucket", `the server has no ${stream}: its operator makes it with harmony fleet serve`);
    }
    if (info?.state === undefined) {
      return unreachable(
        "Failed",
        `${stream} does not tell how it is: ${info?.error?.description ?? "no reason was given"}`,
      );
    }
    const more = Object.keys(info.state.subjects ?? {});
    subjects.push(...more);
    total = more.length === 0 ? 0 : (info.total ?? 0);
  }
  return { _tag: "Info", subjects };
}
