import * as z from "zod";
import { PortError, type PortProblem } from "../../capabilities/port-error.ts";
import { safeParse } from "../../wire/safe-parse.ts";

/** The longest line that podman is believed to send. */
const LINE_LIMIT = 64 * 1024;

const Line = z.object({
  stream: z.string().optional(),
  error: z.string().optional(),
  id: z.string().optional(),
});

export type PullEvent =
  | { readonly _tag: "Progress"; readonly line: string }
  | { readonly _tag: "Failed"; readonly why: string }
  | { readonly _tag: "Done"; readonly id: string };

/** Reads what podman answers to a pull: JSON, line by line. The status is 200 also where it fails; the lines tell. */
export class PullStream {
  readonly #decoder = new TextDecoder();
  #rest = "";

  /** What these bytes complete. What is no event is passed over. */
  push(bytes: Uint8Array): readonly PullEvent[] {
    this.#rest += this.#decoder.decode(bytes, { stream: true });
    const lines = this.#rest.split("\n");
    this.#rest = (lines.pop() ?? "").slice(0, LINE_LIMIT);
    return lines.flatMap(eventsOf);
  }

  /** The last line, where it does not end. */
  end(): readonly PullEvent[] {
    const last = this.#rest;
    this.#rest = "";
    return eventsOf(last);
  }
}

function eventsOf(text: string): readonly PullEvent[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return [];
  }
  const { success, data } = safeParse(Line, value);
  if (!success) return [];
  if (data.error !== undefined && data.error !== "") return [{ _tag: "Failed", why: data.error }];
  if (data.id !== undefined && data.id !== "") return [{ _tag: "Done", id: data.id }];
  const line = data.stream?.trim() ?? "";
  return line === "" ? [] : [{ _tag: "Progress", line }];
}

interface Meaning {
  readonly says: RegExp;
  readonly because: string;
  readonly problem: Omit<PortProblem, "message">;
}

const MEANINGS: readonly Meaning[] = [
  {
    says: /manifest unknown|name unknown|not found: manifest|repository .*not found|StatusCode: 404/i,
    because: "the registry has no such image",
    problem: {
      code: "NotFound",
      blame: "author",
      next: "Push the image, or correct its name and its digest in the Score.",
    },
  },
  {
    says: /unauthorized|authentication required|access to the resource is denied|denied:|StatusCode: 40[13]/i,
    because: "the registry does not let this device have it",
    problem: {
      code: "NotPermitted",
      blame: "device",
      next: "Give the device the registry's credentials (podman login), or correct the image's name.",
    },
  },
  {
    says: /no space left on device|disk quota exceeded/i,
    because: "the device has no space left for it",
    problem: { code: "NoSpace", blame: "device", next: "Free space below /var/lib/containers: podman image prune." },
  },
  {
    says: /connection refused|no such host|i\/o timeout|network is unreachable|no route to host|server misbehaving|TLS handshake|x509|context deadline|connection reset|HTTP response to HTTPS/i,
    because: "the registry is not reached",
    problem: {
      code: "Unavailable",
      blame: "device",
      next: "Check the device's network and name server, and that the registry is up and its certificate is trusted.",
    },
  },
];

/** Puts podman's words for a pull that failed into the port's. */
export function pullFailed(image: string, why: string): PortError {
  const meaning = MEANINGS.find(({ says }) => says.test(why));
  const said = why.slice(0, 1000).replace(/\.$/, "");
  return new PortError({
    ...(meaning?.problem ?? {
      code: "Failed",
      blame: "device",
      next: `Try it on the device: podman pull ${image}.`,
    }),
    message: `Pulling ${image} failed: ${meaning === undefined ? said : `${meaning.because} (${said})`}.`,
  });
}
